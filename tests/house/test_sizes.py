"""Caps on the size of functions, signatures and files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

FOLDERS = ("dubber", "workflow_scripts", "benchmarks")
LONGEST_FUNCTION, LONGEST_FILE, MOST_PARAMETERS = 60, 400, 7
STEPS = ROOT / "dubber" / "steps"
"""A step's signature is the command line of its script, so its parameters are as many as the command has groups."""


def files() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (ROOT / folder).rglob("*.py")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, Path]]:
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node, path


def test_no_file_is_longer_than_can_be_read_at_once():
    assert [str(path) for path in files() if len(path.read_text().splitlines()) > LONGEST_FILE] == []


def test_no_function_is_longer_than_a_screen():
    long = {name: node.end_lineno - node.lineno + 1 for name, node, _ in functions()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


def test_no_function_takes_more_than_seven_parameters():
    found = {}
    for name, node, path in functions():
        declared = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len([argument for argument in declared if argument.arg not in ("self", "cls")])
        if count > MOST_PARAMETERS and path.parent != STEPS:
            found[name] = count
    assert found == {}
