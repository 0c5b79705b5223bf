"""How far long work is, as lines of a log."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)


class Progress:
    """A line with count, rate and time left every few seconds (a log is read more often than a bar).

    Args:
        total: how much there is to do; 0 where nobody knows.
        done: how much of it was done before.
    """

    def __init__(self, name: str, total: float, every: float = 5.0, done: float = 0) -> None:
        self.name, self.total, self.every = name, total, every
        self.done = self.before = done
        self.start = self.last = time.monotonic()

    def advance(self, n: float = 1) -> None:
        self.done += n
        now = time.monotonic()
        finished = self.total and self.done >= self.total * (1 - 1e-9)
        if now - self.last < self.every and not finished:
            return
        self.last = now
        rate = (self.done - self.before) / max(now - self.start, 1e-9)
        if not self.total:
            log.info("%s: %d, %.2f/s", self.name, self.done, rate)
            return
        left = (self.total - self.done) / max(rate, 1e-9)
        log.info("%s: %d/%d, %.2f/s, %.0f s left", self.name, self.done, self.total, rate, left)
