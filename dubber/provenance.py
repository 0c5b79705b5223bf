"""Which code made a result: a digest of everything that a script can reach.

Snakemake cannot see that an imported module changed. Each rule therefore carries, as a parameter, the digest of
its script's import closure inside the package: syntax trees without docstrings, comments and field descriptions,
plus the templates that a module names. Editing a comment changes nothing; editing the denoiser retrains.

`python -m dubber.provenance workflow_scripts/stage1.py` lists what a script reaches, file by file.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
TEMPLATES = (".j2", ".html", ".css", ".js")


def code_digest(script: Path | str) -> str:
    """Digest of `script` and of every module of the package that it can import, directly or not."""
    lines = [f"{name} {digest}" for name, digest in closure(script).items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def closure(script: Path | str) -> dict[str, str]:
    """File name (relative to the project) -> digest of its meaning, for `script` and all that it reaches."""
    start = Path(script).resolve()
    found: dict[Path, str] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path], reached = _examine(path)
        waiting += reached
    root = PACKAGE.parent
    named = {_relative(path, root): digest for path, digest in found.items()}
    return dict(sorted(named.items()))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


@cache
def _examine(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The digest of one file and the files that it names."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16], ()
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    reached = tuple(sorted({*_imports(tree, path), *_named(tree), *_templates(tree, path)}))
    meaning = ast.dump(_WithoutProse().visit(tree))
    return hashlib.sha256(meaning.encode()).hexdigest()[:16], reached


_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class _WithoutProse(ast.NodeTransformer):
    """Drop docstrings and the `description=` of settings fields."""

    def _drop_docstring(self, node: _Documented) -> ast.AST:
        self.generic_visit(node)
        body = node.body
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = body[1:] or [ast.Pass()]
        return node

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = _drop_docstring

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [k for k in node.keywords if k.arg != "description"]
        return node


def _imports(tree: ast.AST, path: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module_files(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path)
            yield from _module_files(base)
            for alias in node.names:
                yield from _module_files(f"{base}.{alias.name}")


def _named(tree: ast.AST) -> Iterator[Path]:
    """The modules of backends that are imported by their name, `package.module:Class`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, _ = node.value.partition(":")
            if colon and module.startswith(f"{PACKAGE.name}."):
                yield from _module_files(module)


def _base(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    folder = path.parents[node.level - 1]
    prefix = ".".join(("dubber", *folder.relative_to(PACKAGE).parts)) if folder.is_relative_to(PACKAGE) else ""
    return f"{prefix}.{node.module}" if node.module else prefix


def _module_files(dotted: str) -> Iterator[Path]:
    """The files that importing `dotted` runs, as far as they are ours: each package's `__init__` and the module."""
    parts = dotted.split(".")
    if parts[0] != PACKAGE.name:
        return
    folder = PACKAGE
    yield folder / "__init__.py"
    for part in parts[1:]:
        if (folder / part / "__init__.py").exists():
            folder = folder / part
            yield folder / "__init__.py"
        elif (folder / f"{part}.py").exists():
            yield folder / f"{part}.py"
            return
        else:
            return


def _templates(tree: ast.AST, path: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(TEMPLATES):
            beside = path.parent / node.value
            if beside.is_file():
                yield beside


def digest(value: object) -> str:
    """Digest of any JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def environment() -> dict[str, str]:
    """Versions of what decides numbers: Python, the platform, the numeric packages."""
    names = ("torch", "numpy", "scipy", "pyworld", "pocketsphinx", "opencv-python-headless", "av", "snakemake")
    found = {name: _version(name) for name in names}
    return {"python": platform.python_version(), "platform": platform.platform(), **found}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    for name, value in closure(sys.argv[1]).items():
        print(value, name)
