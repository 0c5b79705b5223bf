"""Requests to stop that come from outside: a scheduler's pre-emption, a terminal's Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)

EXIT_CODE = 75  # EX_TEMPFAIL of <sysexits.h>: try again
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(SystemExit):
    """The run is saved and ends with exit code 75; the same command resumes it."""

    def __init__(self, message: str) -> None:
        super().__init__(EXIT_CODE)
        log.warning(message)


class StopRequests:
    """Notes signals while a block runs, so that a step ends before the run does. A second Ctrl-C is not waited for.

    Attributes:
        pending: whether a signal has come.
    """

    def __init__(self) -> None:
        self.pending = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.pending:
            raise KeyboardInterrupt
        self.pending = True
