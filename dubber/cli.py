"""The command line for people: `dubber <command>`. Experiments are Snakemake's.

A command is a module of `dubber.commands` with `add_parser(subparsers)` and `run(args)`, and a name in `COMMANDS`.
Such a module imports what it works with inside `run`, so that `dubber --help` answers at once.

Exit codes: 0 done; 1 a reason that is said in one line; 2 options that do not exist; 128 + n stopped by signal n.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

import dubber
from dubber.errors import DubberError

COMMANDS = ("dub", "export", "fetch", "info", "listen", "text", "doctor", "completion")
LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(prog="dubber", description="Automated video dubbing by discrete flow matching.")
    whole.add_argument("--version", action="version", version=f"dubber {dubber.__version__}")
    subparsers = whole.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS:
        command = import_module(f"dubber.commands.{name}")
        command.add_parser(subparsers).set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; without one, list them. What a person can mend becomes one message and exit code 1.

    Raises:
        SystemExit: with the exit code of a command that failed.
    """
    known = parser()
    args = known.parse_args(arguments)
    if not hasattr(args, "run"):
        known.print_help()
        return
    level = os.environ.get("DUBBER_LOG", "INFO").upper()
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pyworld and webrtcvad still import it
    logging.basicConfig(level=level if level in LEVELS else "INFO", format="%(message)s", stream=sys.stderr)
    try:
        with _stopped_by_signals():
            args.run(args)
            sys.stdout.flush()
    except DubberError as error:
        _give_up(str(error), 1)
    except KeyboardInterrupt:
        _give_up("stopped", 128 + signal.SIGINT)
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        _give_up(str(DubberError(f"{error.strerror or error}.", looked_at=error.filename)), 1)
    except MemoryError:
        _give_up("The memory of this machine is full.", 1)


def _give_up(message: str, code: int) -> None:
    print(f"dubber: {message}", file=sys.stderr)
    raise SystemExit(code) from None


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End by SIGTERM and SIGHUP as by Ctrl-C: what is half-written is removed on the way out."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    alone = threading.current_thread() is threading.main_thread()
    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if alone and signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
