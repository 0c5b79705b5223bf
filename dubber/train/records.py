"""What a run writes while it trains: metrics.jsonl, TensorBoard, and a bar or lines; one of its processes does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dubber.errors import DubberError
from dubber.train.run_log import Board, Display, MetricsLog, RunFolder


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DubberError(
            f"The log of a run cannot be written: {error}",
            looked_at=error.filename or "the run's directory",
            hint="Make room on the disk and run the same command again: training goes on from its last checkpoint.",
        ) from error


class Records:
    """The records of a run from `step` on.

    Args:
        name: of the run.
        folder: where its files lie.
        step, total: steps done before, and steps in all.
        main: whether this process writes them.
    """

    def __init__(self, name: str, folder: RunFolder, step: int, total: int, main: bool) -> None:
        with _room():
            self._metrics = MetricsLog(folder.metrics, step or -1) if main else None
            self._board = Board(folder.board, step) if main else None
        self._display = Display(name, step, total) if main else None

    def train(self, record: Mapping[str, Any]) -> None:
        """A line of training."""
        self.write(record)
        if self._display:
            self._display.update(record)

    def write(self, record: Mapping[str, Any]) -> None:
        """A line, without showing it."""
        if self._metrics:
            with _room():
                self._metrics.write(record)
                self._board.write(record)

    def sync(self) -> None:
        """Force the lines onto the disk, as a checkpoint must not know more than they do."""
        if self._metrics:
            with _room():
                self._metrics.sync()
                self._board.flush()

    def close(self) -> None:
        for file in (self._display, self._metrics, self._board):
            if file:
                file.close()
