"""A run's records: its identity, its environment, its metrics, and a line or a bar while it trains."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dubber import provenance
from dubber.errors import writing_told
from dubber.files import atomic_path
from dubber.locks import locked

if TYPE_CHECKING:
    from rich.progress import Progress

log = logging.getLogger(__name__)

CONFIG, ENVIRONMENT, METRICS, CHECKPOINTS = "config.json", "environment.json", "metrics.jsonl", "checkpoints"
BOARD = "tensorboard"
LOSS = "loss"  # the weighted sum of all terms
SECONDS_PER_LINE = 10.0
RESUMES = "Training resumes from its last checkpoint."


@dataclass(frozen=True)
class RunFolder:
    """`runs/<experiment>/<run>/<fingerprint>/`.

    Attributes:
        path: the folder.
        fingerprint: digest of everything that changes the result.
    """

    path: Path
    fingerprint: str

    @property
    def metrics(self) -> Path:
        return self.path / METRICS

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    @property
    def board(self) -> Path:
        return self.path / BOARD


@contextmanager
def locked_run(base: Path | str, identity: Mapping[str, Any], *, main: bool = True) -> Iterator[RunFolder]:
    """The folder of the run with this identity, ours alone until the block ends; while it is not, we wait.

    A folder of another fingerprint beside it is left as it is, and what differs from the newest is logged.

    Args:
        base: `runs/<experiment>/<run>/`.
        identity: everything that changes the result, as JSON values.
        main: whether this is the process, of those that train together, that writes the files.
    """
    folder = RunFolder(Path(base) / provenance.digest(identity), provenance.digest(identity))
    if not main:
        yield folder
        return
    if not folder.path.exists():
        for line in difference_from_newest(base, identity):
            log.info("a new run directory, because this differs from the last: %s", line)
    folder.path.mkdir(parents=True, exist_ok=True)
    with locked(folder.path / "lock", str(folder.path)):
        write_json(folder.path / CONFIG, {"fingerprint": folder.fingerprint, **identity})
        yield folder


def difference_from_newest(base: Path | str, identity: Mapping[str, Any]) -> list[str]:
    """`field: old -> new` for each field in which the newest run under `base` differs; empty without one."""
    configs = sorted(Path(base).glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not configs:
        return []
    old, new = flat(json.loads(configs[-1].read_text())), flat(identity)
    old.pop("fingerprint", None)
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key)} -> {new.get(key)}" for key in keys]


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    items: dict[str, Any] = {}
    for key, inner in value.items():
        items |= flat(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else {f"{prefix}{key}": inner}
    return items


def write_json(path: Path | str, value: Mapping[str, Any]) -> None:
    """Write `value` so that the file is whole or absent."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


class MetricsLog:
    """metrics.jsonl, one line per `log_every` steps and per validation.

    Args:
        path: the file.
        step: the step from which training resumes; later lines are cut off.
    """

    def __init__(self, path: Path, step: int) -> None:
        if path.exists():
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
            with atomic_path(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept))
        self._file = path.open("a")

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one line."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Force it onto the disk, as a checkpoint must not know more than the log."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _step_of(line: str) -> float:
    """The step of a line; infinite for a line that a kill cut short."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def read_metrics(path: Path, phase: str) -> list[dict[str, Any]]:
    """The lines of one phase, "train" or "val"."""
    return [record for line in path.read_text().splitlines() if (record := json.loads(line))["phase"] == phase]


class Board:
    """The same lines for TensorBoard (`tensorboard --logdir runs`), a scalar for each number.

    Args:
        folder: of its event files.
        step: the step from which training resumes; later ones are not shown.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(folder, purge_step=step + 1 if step else None)

    def write(self, record: Mapping[str, Any]) -> None:
        """One line; `train/loss`, `train/terms/flow`, `val/loss` and so on."""
        numbers = flat({name: value for name, value in record.items() if name not in ("step", "phase")})
        for name, value in numbers.items():
            self._writer.add_scalar(f"{record['phase']}/{name.replace('.', '/')}", value, record["step"])

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class Display:
    """Progress of a run: a bar on a terminal, elsewhere a line every ten seconds.

    Args:
        name: what is trained.
        start, total: steps done before, and steps in all.
    """

    def __init__(self, name: str, start: int, total: int, stream: TextIO = sys.stderr) -> None:
        self.name, self.total = name, total
        self._last = time.monotonic()
        self._bar: Progress | None = None
        if stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, TextColumn("{task.fields[losses]}"), console=Console(file=stream))
            self._task = self._bar.add_task(name, total=total, completed=start, losses="")
            self._bar.start()

    def update(self, record: Mapping[str, Any]) -> None:
        """Show a line of the metrics."""
        terms = " ".join(f"{name} {value:.3f}" for name, value in {LOSS: record[LOSS], **record["terms"]}.items())
        if self._bar is not None:
            self._bar.update(self._task, completed=record["step"], losses=terms)
            return
        now = time.monotonic()
        if now - self._last >= SECONDS_PER_LINE or record["step"] == self.total:
            self._last = now
            log.info(
                "%s: step %d/%d, %s, %.0f tokens/s, %.0f s left",
                *(self.name, record["step"], self.total, terms, record["tokens_per_s"], record["seconds_left"]),
            )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class Records:
    """The records of a run from `step` on.

    Args:
        name: of the run.
        folder: of its files.
        step, total: steps done before, and steps in all.
    """

    def __init__(self, name: str, folder: RunFolder, step: int, total: int) -> None:
        self._folder = folder.path
        with self._writing():
            self._metrics, self._board = MetricsLog(folder.metrics, step or -1), Board(folder.board, step)
        self._display = Display(name, step, total)

    def _writing(self) -> AbstractContextManager[None]:
        return writing_told("The log of a run", self._folder, RESUMES)

    def train(self, record: Mapping[str, Any]) -> None:
        """Write a line of training and show it."""
        self.write(record)
        self._display.update(record)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a line without showing it."""
        with self._writing():
            self._metrics.write(record)
            self._board.write(record)

    def sync(self) -> None:
        """Force the lines onto the disk: a checkpoint must not know more than they do."""
        with self._writing():
            self._metrics.sync()
            self._board.flush()

    def close(self) -> None:
        """Stop the display and close the files."""
        self._display.close()
        self._metrics.close()
        self._board.close()


class NoRecords(Records):
    """The records of a process that trains beside the first one: none."""

    def __init__(self) -> None:
        """Open nothing."""

    def train(self, record: Mapping[str, Any]) -> None:
        pass

    def write(self, record: Mapping[str, Any]) -> None:
        pass

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass
