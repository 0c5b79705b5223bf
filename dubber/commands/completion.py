"""`dubber completion`: what a shell needs to complete commands, options and file names."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

SHELLS = ("bash", "zsh", "tcsh")


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "completion",
        help="print what a shell needs to complete this command line",
        description='Print the completion of this command line. In bash: eval "$(dubber completion bash)"',
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    return parser


def run(args: argparse.Namespace) -> None:
    """Print it."""
    import shtab

    from dubber.cli import parser

    whole = parser()
    for action in _actions(whole):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # as shtab is told of it
    print(shtab.complete(whole, args.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
