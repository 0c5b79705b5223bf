"""The import graph of the package: rooms and who imports whom, circles, and how far a module reaches.

    python benchmarks/import_graph.py                     the rooms, lowest first, and what each imports
    python benchmarks/import_graph.py --dot | dot -Tsvg   the same as a picture
    python benchmarks/import_graph.py --reach dub/load    every module that importing dubber.dub.load can reach

Imports are read from the syntax trees, those inside functions included; those that only type checkers read are left
out. `tests/house/test_import_graph.py` holds the graph to the order of `FLOORS`.
"""

from __future__ import annotations

import argparse
import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "dubber"

FLOORS = (
    ("__init__", "units", "errors", "settings", "files", "devices", "progress"),
    ("artifacts", "provenance", "assets", "packages", "locks", "gpus", "user_files"),
    ("text",),
    ("corpus",),
    ("networks",),
    ("media",),
    ("align",),
    ("codec", "corpus/demo/espeak", "corpus/demo/render"),
    ("flow",),
    ("model",),
    ("train",),
    ("metrics",),
    ("dub",),
    ("report",),
    ("listening",),
    ("experiment", "config", "fetch"),
    ("runner", "steps"),
    ("commands", "cli", "__main__"),
)
"""The rooms, lowest first. A room imports itself and lower ones. What renders the demo corpus needs the media."""

Graph = Mapping[str, Collection[str]]


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Name in the package (`dub/load`) -> file. A folder's `__init__` has the folder's name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).with_suffix("").as_posix()
        found[name.removesuffix("/__init__")] = path
    return found


@cache
def import_graph(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, in functions too."""
    known = modules(package)
    return {name: set(_imports(path, known, package.name)) - {name} for name, path in known.items()}


def _imports(path: Path, known: Mapping[str, Path], package: str) -> Iterator[str]:
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *parts = name.split(".")
            whole = [part for part in ("/".join(parts), "/".join(parts[:-1]) or "__init__") if part in known]
            if first == package and whole:
                yield whole[0]


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _run(node)


def room(module: str) -> str:
    """The folder of a module, or the module itself where it is in no folder."""
    return module.partition("/")[0]


def rooms(graph: Graph) -> dict[str, set[str]]:
    """Room -> the other rooms that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, imported in graph.items():
        found[room(module)] |= {room(name) for name in imported} - {room(module)}
    return found


def floor(module: str) -> int:
    """The floor of a module or a room; rooms on no floor are above all others."""
    named = [i for name in (module, room(module)) for i, names in enumerate(FLOORS) if name in names]
    return named[0] if named else len(FLOORS)


def climbs(graph: Graph) -> set[tuple[str, str]]:
    """Module and imported module, where the latter is in a higher room."""
    return {
        (module, imported) for module, names in graph.items() for imported in names if floor(imported) > floor(module)
    }


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that import each other, directly or not."""
    reached = {module: reach(graph, module) for module in graph}
    groups = {
        tuple(sorted({module, *(other for other in reached[module] if module in reached[other])})) for module in graph
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def reach(graph: Graph, start: str) -> set[str]:
    """Every module that `start` imports, directly or not."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def dot(graph: Graph) -> str:
    """The rooms as a Graphviz picture, higher rooms above."""
    arrows = [f'  "{name}" -> "{other}";' for name, others in rooms(graph).items() for other in sorted(others)]
    ranks = [f"  {{rank=same; {'; '.join(map(repr, names))}}}".replace("'", '"') for names in FLOORS]
    return "\n".join(["digraph dubber {", "  node [shape=box];", *ranks, *arrows, "}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dot", action="store_true", help="print a Graphviz picture")
    parser.add_argument("--reach", help="print the modules that this one can reach")
    args = parser.parse_args()
    graph = import_graph()
    if args.dot:
        print(dot(graph))
    elif args.reach:
        found = sorted(reach(graph, args.reach))
        print("\n".join(found), f"\n{len(found)} modules")
    else:
        for name, others in sorted(rooms(graph).items(), key=lambda pair: (floor(pair[0]), pair[0])):
            print(f"{name:12} {', '.join(sorted(others, key=floor))}")
        print("\ncircles:", *map(" <-> ".join, circles(graph)), sep="\n  ")
        print("\nimports of a higher room:", *(f"{a} -> {b}" for a, b in sorted(climbs(graph))), sep="\n  ")


if __name__ == "__main__":
    main()
