"""`dubber listen`: the listening test of an experiment (MOS of Tables 1 and 2)."""

from __future__ import annotations

import argparse
import logging
import signal
from pathlib import Path

log = logging.getLogger(__name__)


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options; one that is not given is None, and a test under way keeps its own."""
    parser = subparsers.add_parser(
        "listen",
        help="serve a listening test: speaker similarity and naturalness, 1 to 5",
        description="Serve a listening test of an experiment's dubs on this machine. Every answer is kept at once in "
        "listening/<experiment>/; `snakemake results/<experiment>_mos.csv` makes the table of them.",
    )
    parser.add_argument("--experiment", required=True, help="an experiment whose test clips have been dubbed")
    parser.add_argument("--protocol", choices=("1.0", "2.0"), help="where the reference voice is from (default: 2.0)")
    parser.add_argument("--samples", type=_whole(1), metavar="N", help="random test clips of each system (default: 30)")
    parser.add_argument("--seed", type=_whole(0), metavar="N", help="seed of clips and orders (default: 0)")
    parser.add_argument("--systems", nargs="+", metavar="SYSTEM", help="default: codec, full, and those of others")
    parser.add_argument(
        "--ground-truth",
        action=argparse.BooleanOptionalAction,
        help="whether the recordings are hidden among the systems (default: yes)",
    )
    parser.add_argument("--port", type=_whole(0), default=8765, help="0 for any free one (default: 8765)")
    parser.add_argument("--configfile", type=Path, action="append", default=[], help="as for snakemake")
    return parser


def _whole(least: int):
    """The type of an option that is a whole number of at least `least`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return number


def run(args: argparse.Namespace) -> None:
    """Make the test, or continue the one under way, and serve it until Ctrl-C or SIGTERM.

    Raises:
        DubberError: the workflow has not made what is to be heard, or a test with other options is under way.
    """
    from dubber.commands.listening import find_or_make
    from dubber.listening.server import ListeningServer

    session = find_or_make(args)
    with ListeningServer(session, args.port) as server:
        for how in (signal.SIGINT, signal.SIGTERM):  # a shell lets what it starts in the background ignore Ctrl-C
            signal.signal(how, signal.default_int_handler)
        log.info("%s", session.test.summary)
        log.info("Answers go to %s; neither the workflow nor `make clean` touches them.", session.folder)
        log.info("Open %s in a browser on this machine. Ctrl-C ends the server.", server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("Stopped; the same command continues. The table: snakemake results/%s_mos.csv", args.experiment)
