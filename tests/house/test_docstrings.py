"""Docstrings say what a caller must know: the shapes of arrays, and the errors that are raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

OF_ARRAYS = ("model", "flow", "codec", "train", "media", "align", "metrics", "networks")
# Steps raise `ClipError` inside the block of one clip, where it becomes a row of failures.
FILES = sorted(path for path in (ROOT / "dubber").rglob("*.py") if "steps" not in path.parts)
SHAPE = re.compile(r"\[[^\]`]+\]|\bscalar\b|Shapes:")


@dataclass(frozen=True)
class Public:
    """A public function or method, and the class that it belongs to."""

    path: Path
    node: ast.FunctionDef
    owner: ast.ClassDef | None

    @property
    def docstring(self) -> str:
        """Its own docstring, or its class's where it has none."""
        own = ast.get_docstring(self.node)
        return own if own or self.owner is None else ast.get_docstring(self.owner) or ""

    @property
    def implements(self) -> bool:
        """Whether it may have its docstring from a base class."""
        return self.owner is not None and bool(self.owner.bases) and not ast.get_docstring(self.node)

    def __str__(self) -> str:
        owner = f"{self.owner.name}." if self.owner else ""
        return f"{self.path.relative_to(ROOT)}:{self.node.lineno} {owner}{self.node.name}"


@cache
def public_functions() -> tuple[Public, ...]:
    return tuple(
        Public(path, node, owner)
        for path in FILES
        for node, owner in functions(ast.parse(path.read_text()))
        if not node.name.startswith("_")
    )


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, ast.ClassDef | None]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node, None
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((member, node) for member in node.body if isinstance(member, ast.FunctionDef))


def handles_arrays(node: ast.FunctionDef) -> bool:
    """Whether an argument or the result is an array itself, not a mapping of named ones."""
    arguments = [*node.args.args, *node.args.kwonlyargs]
    annotations = [a.annotation for a in arguments if a.annotation] + ([node.returns] if node.returns else [])
    texts = (ast.unparse(annotation) for annotation in annotations)
    return any(re.search(r"\bTensor\b|\bndarray\b", text) and not re.match(r"(dict|Mapping)\b", text) for text in texts)


def raised(node: ast.FunctionDef) -> Iterator[str]:
    """Names of the exceptions that a function raises itself and does not catch."""

    def walk(here: ast.AST, caught: tuple[str, ...]) -> Iterator[str]:
        if isinstance(here, ast.Raise) and isinstance(here.exc, ast.Call):
            name = ast.unparse(here.exc.func).split(".")[-1]
            if (name.endswith("Error") or name == "SystemExit") and name not in caught:
                yield name
        if isinstance(here, ast.Try):
            handled = " ".join(ast.unparse(handler.type) for handler in here.handlers if handler.type)
            for child in here.body:
                yield from walk(child, (*caught, *re.findall(r"\w+", handled)))
            rest = [*here.handlers, *here.orelse, *here.finalbody]
        else:
            rest = list(ast.iter_child_nodes(here))
        for child in rest:
            if not isinstance(child, ast.FunctionDef | ast.Lambda):
                yield from walk(child, caught)

    for statement in node.body:
        if not isinstance(statement, ast.FunctionDef):
            yield from walk(statement, ())


@pytest.mark.parametrize("room", OF_ARRAYS)
def test_who_takes_or_gives_an_array_says_its_shape(room):
    found = [one for one in public_functions() if one.path.relative_to(ROOT / "dubber").parts[0] == room]
    assert found
    asked = [one for one in found if handles_arrays(one.node) and not one.implements]
    silent = [one for one in asked if not SHAPE.search(one.docstring)]
    assert not silent, "\n".join(map(str, silent))


def test_who_raises_says_so():
    silent = [
        f"{one}: {name}"
        for one in public_functions()
        if not one.implements and not _is_validator(one.node)
        for name in raised(one.node)
        if not re.search(rf"Raises:.*\b{name}\b", one.docstring, flags=re.DOTALL)
    ]
    assert not silent, "\n".join(silent)


def _is_validator(node: ast.FunctionDef) -> bool:
    """Whether pydantic calls it, and turns its `ValueError` into the message of a setting."""
    return any("validator" in ast.unparse(decorator) for decorator in node.decorator_list)
