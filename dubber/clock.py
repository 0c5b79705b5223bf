"""A clock that was wrong: files dated in the future stop a workflow that compares dates.

Snakemake ends a job whose result is older than what it was made from, and says that the clock is skewed. After a clock
was put back, that would go on until the time has come that the files bear.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

log = logging.getLogger(__name__)

SLACK = 60.0  # s by which the clocks of two machines may differ


def redate(folders: Iterable[Path]) -> int:
    """Date the files under `folders` that bear a time to come from now, and say how many they were.

    What follows from them is then made again, since it is older; nothing else is lost.
    """
    now, found = time.time(), 0
    for folder in folders:
        for path in _later_than(now + SLACK, folder):
            os.utime(path, (now, now))
            found += 1
    if found:
        log.warning("%d files were dated in the future (has the clock been put back?): dated from now", found)
    return found


def _later_than(moment: float, folder: str | Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # not there yet, or gone meanwhile
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _later_than(moment, entry.path)
        elif entry.is_file(follow_symlinks=False) and entry.stat().st_mtime > moment:
            yield entry.path
