"""How every workflow script starts: logging, arguments, and errors that people can read."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from dubber.artifacts import atomic_path
from dubber.errors import DISK_FULL, DamagedArtifact, DubberError

warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pyworld and webrtcvad still import it


log = logging.getLogger("dubber")

JSON = ("settings", "execution")
ROOM = "Nothing half-written was kept. Make room and run the same command again."
RIGHTS = "Make the folder writable and run the same command again."
REMEDIES = dict.fromkeys(DISK_FULL, ROOM) | dict.fromkeys((errno.EROFS, errno.EACCES), RIGHTS)


def arguments(description: str | None, *names: str, lists: tuple[str, ...] = (), optional: tuple[str, ...] = ()):
    """Parse `--name value` for each name; `settings` and `execution` are JSON; `lists` take any number of values."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, fromfile_prefix_chars="@"
    )
    for name in names:
        parser.add_argument(f"--{name}", required=True, type=json.loads if name in JSON else str)
    for name in lists:
        parser.add_argument(f"--{name}", nargs="*", default=[])
    for name in optional:
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def record_fit(path: Path | str, identity: str, inputs: Sequence[str]) -> None:
    """Write down what something was fitted on: `dubber.plan.Plan.fit` reads it."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps({"identity": identity, "inputs": list(inputs)}, indent=1), encoding="utf-8")


def run(main: Callable[[], None]) -> None:
    """Call `main` with logging on standard error; a known error becomes its message and exit code 1.

    An artifact that is not whole is renamed to `<name>.damaged`: the same command then makes it anew.
    """
    logging.basicConfig(
        level=os.environ.get("DUBBER_LOG", "INFO"),
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    try:
        main()
    except DamagedArtifact as error:
        log.error("%s", error)
        _set_aside(Path(error.looked_at))
        raise SystemExit(1) from None
    except DubberError as error:
        log.error("%s", error)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        what = f"A file cannot be written: {os.strerror(error.errno)}."
        log.error("%s", DubberError(what, looked_at=error.filename or Path.cwd(), hint=REMEDIES[error.errno]))
        raise SystemExit(1) from None


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
        log.error("It was renamed to %s.damaged: run the same command again.", path.name)
    except OSError as error:
        log.error("It could not be renamed either: %s", error)
