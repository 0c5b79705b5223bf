"""How a workflow script runs a step: arguments from the step's signature, a log, and errors that people can read.

A step is a function in `dubber/steps/<rule>.py`. Its annotations say where the rule takes each argument from: `Input`,
`Inputs`, `OptionalInput`, `Output`, `Wildcard` and `Threads`. Everything else is one of the rule's `params`. A
dataclass with such fields is a group: each field is an argument of its own. `rules/common.smk` writes the command line
from the same annotations (`parameters`), so no flag is spelled twice.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from dubber.errors import DamagedArtifact, DubberError, writing_told

warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pyworld and webrtcvad still import it

log = logging.getLogger("dubber")

Input = Annotated[Path, "input"]
Inputs = Annotated[tuple[Path, ...], "input"]
OptionalInput = Annotated[Path | None, "input"]
Output = Annotated[Path, "output"]
Wildcard = Annotated[str, "wildcards"]
Threads = Annotated[int, "threads"]
WILDCARD, RESOURCE = "wildcards", "resources"
"""Mark an argument with a type of its own: `Annotated[Protocol, WILDCARD]`, `Annotated[Execution, RESOURCE]`."""

SOURCES = {
    **{"Input": "input", "Inputs": "input", "OptionalInput": "input", "Output": "output"},
    **{"Wildcard": "wildcards", "WILDCARD": "wildcards", "Threads": "threads", "RESOURCE": "resources"},
}


def run(step: Callable[..., None]) -> None:
    """Call `step` with the arguments of the command line."""
    reported(lambda: step(**read_arguments(step, sys.argv[1:])))


def reported(work: Callable[[], None]) -> None:
    """Do some work with a log on standard error; a known error becomes its message and exit code 1.

    An artifact that is damaged is renamed to `<name>.damaged`, so that the same command makes it again.

    Raises:
        SystemExit: with code 1, after a known error.
    """
    logging.basicConfig(
        level=os.environ.get("DUBBER_LOG", "INFO"),
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every table of every font that a figure embeds
    try:
        with writing_told("A file", Path.cwd()):
            work()
    except DubberError as error:
        log.error("%s", error)
        if isinstance(error, DamagedArtifact):
            _set_aside(Path(str(error.looked_at)))
        raise SystemExit(1) from None


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
        log.error("It was renamed to %s.damaged: run the same command again.", path.name)
    except OSError as error:
        log.error("It could not be renamed either: %s", error)


# --- from a command line to arguments -----------------------------------------------------------------------------


def read_arguments(step: Callable[..., None], words: list[str]) -> dict[str, Any]:
    """The step's arguments from `--name value ...`, validated by their annotations.

    Settings are JSON. Tuples of paths or words take any number of values. A flag without a value is None, if that is
    allowed.
    """
    hints = _hints(step)
    parser = argparse.ArgumentParser(description=inspect.getdoc(step), allow_abbrev=False, fromfile_prefix_chars="@")
    for name, hint in _flat(hints):
        many = _is_words(_bare(hint)) or _is_optional_path(hint)
        values = {"nargs": "*", "default": []} if many else {"nargs": "?", "const": "", "required": True}
        parser.add_argument(f"--{name.replace('_', '-')}", **values)
    found = vars(parser.parse_args(words))
    return {name: _built(hint, found, name) for name, hint in hints.items()}


def _hints(thing: Callable | type) -> dict[str, Any]:
    hints = get_type_hints(thing, include_extras=True)
    hints.pop("return", None)
    return hints


def _flat(hints: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and annotations, with the fields of a group in the group's place."""
    for name, hint in hints.items():
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _flat({f.name: _hints(hint)[f.name] for f in fields(hint)})
        else:
            yield name, hint


def _bare(hint: Any) -> Any:
    """The annotation without its marker."""
    return get_args(hint)[0] if get_origin(hint) is Annotated and isinstance(get_args(hint)[1], str) else hint


def _is_words(kind: Any) -> bool:
    """Whether the values of a tuple are words of the command line, and not settings in JSON."""
    return get_origin(kind) is tuple and get_args(kind)[0] in (Path, str)


def _is_optional_path(hint: Any) -> bool:
    return _bare(hint) == Path | None


def _built(hint: Any, found: dict[str, Any], name: str) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**{f.name: _built(_hints(hint)[f.name], found, f.name) for f in fields(hint)})
    if _is_optional_path(hint):
        return Path(found[name][0]) if found[name] else None
    return _read(_bare(hint), found[name])


def _read(kind: Any, text: Any) -> Any:
    """A value of the annotation `kind` from its text."""
    from pydantic import TypeAdapter

    if _is_words(kind):
        return tuple(map(get_args(kind)[0], text))
    if type(None) in get_args(kind) and not text:
        return None
    alternatives = set(get_args(kind)) if get_origin(kind) is UnionType else {kind}
    is_plain = get_origin(kind) is Literal or alternatives <= {str, int, float, bool, Path, type(None)}
    adapter = TypeAdapter(kind)
    return adapter.validate_strings(text) if is_plain else adapter.validate_json(text)


# --- from a step's source to where its arguments come from, without importing it -----------------------------------


def parameters(step: str, package: Path | None = None) -> dict[str, str]:
    """Argument -> "input", "output", "wildcards", "threads", "resources" or "params", for `dubber/steps/<step>.py`.

    The source is parsed, not imported: planning a workflow must not load PyTorch.
    """
    folder = package or Path(__file__).parent
    module = _Source(folder / "steps" / f"{step}.py", folder)
    (function,) = (node for node in module.tree.body if isinstance(node, ast.FunctionDef) and node.name == step)
    declared = [*function.args.args, *function.args.kwonlyargs]
    return dict(pair for arg in declared for pair in module.sources(arg.arg, arg.annotation))


class _Source:
    """A module of steps, as far as its annotations go."""

    def __init__(self, path: Path, package: Path) -> None:
        self.package, self.tree = package, ast.parse(path.read_text(encoding="utf-8"))

    def sources(self, name: str, annotation: ast.expr | None) -> Iterator[tuple[str, str]]:
        """Where an argument comes from; a group gives a pair for each of its fields."""
        names = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)] if annotation else []
        marked = [SOURCES[word] for word in names if word in SOURCES]
        group = self._group(names[0]) if len(names) == 1 and not marked else None
        if group is None:
            yield name, marked[0] if marked else "params"
            return
        module, definition = group
        for node in definition.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield from module.sources(node.target.id, node.annotation)

    def _group(self, name: str) -> tuple[_Source, ast.ClassDef] | None:
        """The dataclass of that name, here or in another module of the steps."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return self, node
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("dubber.steps"):
                continue
            if any(alias.name == name for alias in node.names):
                path = self.package.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
                return _Source(path, self.package)._group(name)
        return None
