"""The command line for people: `dubber <command>`. Experiments are Snakemake's.

A command is a module of `dubber.commands` with `add_parser(subparsers)` and `run(args)`, and a name in `COMMANDS`.
Such a module imports what it works with inside `run`, so that `dubber --help` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from dubber.errors import DubberError

COMMANDS = ("dub", "export", "fetch", "info", "listen")


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(prog="dubber", description="Automated video dubbing by discrete flow matching.")
    subparsers = whole.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = import_module(f"dubber.commands.{name}")
        command.add_parser(subparsers).set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a known error becomes its message and exit code 1."""
    args = parser().parse_args(arguments)
    level = os.environ.get("DUBBER_LOG", "INFO")
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pyworld and webrtcvad still import it
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    try:
        args.run(args)
    except DubberError as error:
        print(f"dubber: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
