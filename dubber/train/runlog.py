"""What a run tells: metrics.jsonl, and a bar on a terminal or a line in a log."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LINE_EVERY = 10.0  # s


class RunLog:
    """Writes one JSON object a line; on resume, lines after the checkpoint's step are cut off."""

    def __init__(self, path: Path, name: str, start: int, total: int) -> None:
        self.path, self.name, self.total = path, name, total
        self.start, self.began, self.last_line = start, time.monotonic(), 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_metrics(path) if line["step"] <= start] if start else []
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self.file = path.open("a", encoding="utf-8")
        self.bar = _bar(name, start, total)

    def write(self, step: int, phase: str, **values: Any) -> None:
        """Append a line to metrics.jsonl."""
        self.file.write(json.dumps({"step": step, "phase": phase, **values}) + "\n")
        self.file.flush()

    def seconds_left(self, step: int) -> float:
        """At the rate of this process so far."""
        done = max(step - self.start, 1)
        return (time.monotonic() - self.began) / done * (self.total - step)

    def progress(self, step: int, loss: float) -> None:
        """Move the bar, or say a line now and then."""
        if self.bar is not None:
            self.bar.update(0, completed=step, description=f"{self.name}  loss {loss:.3f}")
            return
        now = time.monotonic()
        if now - self.last_line < LINE_EVERY and step < self.total:
            return
        self.last_line = now
        rate = (step - self.start) / max(now - self.began, 1e-9)
        left = self.seconds_left(step)
        log.info("%s: step %d/%d, loss %.3f, %.2f steps/s, %.0f s left", self.name, step, self.total, loss, rate, left)

    def close(self) -> None:
        self.file.close()
        if self.bar is not None:
            self.bar.stop()


def _bar(name: str, start: int, total: int):
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    bar.add_task(name, total=total, completed=start)
    bar.start()
    return bar


def read_metrics(path: Path | str) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that was cut off by a kill is dropped."""
    path = Path(path)
    lines: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return lines
