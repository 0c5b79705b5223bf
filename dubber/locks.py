"""Locks between processes: files whose lock ends with the process that holds it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; while another process holds it, say so and wait.

    Args:
        path: the lock file, which stays.
        what: what the lock protects, for the message.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning("another process holds %s (perhaps left from a killed run): waiting until it ends", what)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
