"""How every workflow script starts: logging, arguments, and errors that people can read."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable

from dubber.errors import DubberError

warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pyworld and webrtcvad still import it


def arguments(description: str | None, *names: str, lists: tuple[str, ...] = (), optional: tuple[str, ...] = ()):
    """Parse `--name value` for each name; `settings` is JSON; `lists` take any number of values."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, fromfile_prefix_chars="@"
    )
    for name in names:
        parser.add_argument(f"--{name}", required=True, type=json.loads if name == "settings" else str)
    for name in lists:
        parser.add_argument(f"--{name}", nargs="*", default=[])
    for name in optional:
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def run(main: Callable[[], None]) -> None:
    """Call `main` with logging on standard error; a known error becomes its message and exit code 1."""
    logging.basicConfig(
        level=os.environ.get("DUBBER_LOG", "INFO"),
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    try:
        main()
    except DubberError as error:
        logging.getLogger("dubber").error("%s", error)
        raise SystemExit(1) from None
