"""After a kill, the same command goes on: locks that die with the process that holds them.

Snakemake's own locks are files that outlive a kill; it then asks for `--unlock`. Beside them every run of the workflow
holds a lock of the operating system, which ends with the process however that ends. Whoever finds nobody holding it
knows that Snakemake's lock files belong to the dead.
"""

from __future__ import annotations

import fcntl
import logging
import time
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)

ALIVE = "dubber.alive"  # in Snakemake's folder
POLL = 1.0  # seconds


def hold_alive(folder: Path) -> TextIO | None:
    """Join the runs that are alive in Snakemake's `folder`; if there are none, remove the locks of those killed.

    Returns:
        What must be kept open while the run lives; None where the file system has no such locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ALIVE).open("w")
    try:
        if _try_lock(file, fcntl.LOCK_EX):
            for path in (folder / "locks").glob("*.lock"):
                log.warning("%s is left over from a run that was killed: removed", path)
                path.unlink(missing_ok=True)
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError as error:
        log.warning("no file locks in %s (%s): after a kill, run `snakemake --unlock` first", folder, error)
        file.close()
        return None
    return file


def wait_for_lock(file: TextIO, what: str) -> None:
    """Lock `file` for this process alone; while another one has it, say so and wait.

    On a file system without locks (some clusters' Lustre) say that too, and go on.
    """
    said = False
    try:
        while not _try_lock(file, fcntl.LOCK_EX):
            if not said:
                log.warning("another process holds %s (perhaps left over from a killed run): waiting for its end", what)
                said = True
            time.sleep(POLL)
    except OSError as error:
        log.warning("no file locks for %s (%s): see to it that nothing else runs on it", what, error)


def _try_lock(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
