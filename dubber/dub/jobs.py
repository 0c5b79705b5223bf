"""Many dubs by one model, one after the other: what is finished is not done again, and what fails is listed."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from dubber.dub.cues import Cue, read_words
from dubber.dub.subtitles import read_text
from dubber.errors import DubberError, writing_told
from dubber.files import Output, atomic_path, check_outputs
from dubber.media.encoding import CONTAINERS
from dubber.settings import unknown_key

log = logging.getLogger(__name__)

REASON = "reason"  # the column that a list of failures has more than a list of jobs


def seconds(text: str) -> float:
    """A time in s, from seconds or from hours, minutes and seconds with colons.

    Raises:
        ValueError: it is not a time.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < math.inf for part in parts):
        raise ValueError(f"{text!r} is not a valid time; use 12.5, 1:02.5 or 1:00:02.5")
    return sum(part * 60**i for i, part in enumerate(reversed(parts)))


@dataclass(frozen=True)
class Job:
    """One dub, as a line of the list says it; an empty cell is what the command line says for all.

    Attributes:
        video: the file to dub.
        text: what is said; or `text_file`, or `subtitles`, files that hold it.
        reference: the file with the voice.
        output: the file to write; None until it is known.
        start: s, of a text; `end` likewise.
        face: its number from the left; None is the default face.
    """

    video: Path
    output: Path | None = None
    text: str | None = None
    text_file: Path | None = None
    subtitles: Path | None = None
    reference: Path | None = None
    start: float = 0.0
    end: float | None = None
    face: int | None = None

    @classmethod
    def of(cls, cells: Mapping[str, str], folder: Path) -> Self:
        """A job from its cells; paths are relative to `folder`.

        Raises:
            ValueError: a time or a number is not valid.
        """
        given = {name: cell.strip() for name, cell in cells.items() if cell and cell.strip()}
        if "video" not in given:
            raise ValueError("it names no video")
        if not given.get("face", "1").isdecimal():
            raise ValueError(f"the face {given['face']!r} is not a number")
        made: dict[str, Callable[[str], Any]] = {"start": seconds, "end": seconds, "face": int}
        made |= dict.fromkeys(_PATHS, folder.joinpath)
        return cls(**{name: made.get(name, str)(cell) for name, cell in given.items() if name != REASON})

    def completed(self, shared: Mapping[str, Any], folder: Path | None) -> Self:
        """The same with `shared` values where it has none, and a place in `folder` for what it writes.

        Words of its own are all that it says, and are said in its own span.
        """
        own = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        closed = {"text", "text_file", "subtitles", "start", "end"} if self.has_words else set()
        changes = {name: value for name, value in shared.items() if name not in own | closed}
        if self.output is None and folder is not None:
            changes["output"] = folder / f"{self.video.stem}{self._ending}"
        return replace(self, **changes)

    @property
    def _ending(self) -> str:
        """The video's own kind of file where it can be written."""
        return self.video.suffix if self.video.suffix.lower() in CONTAINERS else ".mp4"

    @property
    def has_words(self) -> bool:
        """Whether it says what is said."""
        return (self.text, self.text_file, self.subtitles) != (None, None, None)

    @property
    def inputs(self) -> dict[str, Path | None]:
        """Every file that it reads, by what messages call it."""
        files = {"reference": self.reference, "text": self.text_file, "subtitles": self.subtitles}
        return {"video": self.video, **files}

    def cues(self, *, keep_descriptions: bool) -> Sequence[Cue]:
        """Its words with their times.

        Raises:
            DubberError: it has no words, or they cannot be read.
        """
        span = (self.start, self.end)
        return read_words(self.text, self.text_file, self.subtitles, span, keep_descriptions=keep_descriptions)


_PATHS = ("video", "text_file", "subtitles", "reference", "output")
COLUMNS = tuple(field.name for field in fields(Job))
_FAILURES = ",".join([*COLUMNS, REASON])  # the first line of such a list


def read_jobs(path: Path) -> list[Job]:
    """The jobs of a CSV list with any of `COLUMNS`, separated by commas, semicolons or tabs.

    Raises:
        DubberError: the list cannot be read, or a column or a cell of it is wrong.
    """
    text = read_text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [(name or "").strip() for name in rows.fieldnames or ()]
    except csv.Error as error:
        raise DubberError(f"The list of jobs is not CSV: {error}.", looked_at=path) from None
    wrong = next((name for name in header if name not in (*COLUMNS, REASON)), None)
    if wrong is not None or "video" not in header:
        what = "The list of jobs has no column 'video'." if wrong is None else unknown_key(wrong, COLUMNS)
        raise DubberError(what, looked_at=path, hint=f"Columns: {', '.join(COLUMNS)}.")
    rows.fieldnames = header
    return list(_jobs(rows, path))


def _jobs(rows: csv.DictReader, path: Path) -> Iterator[Job]:
    found = False
    try:
        for row in rows:
            found = True
            if None in row:
                raise ValueError(f"it has {len(row) - 1 + len(row[None])} cells; the header has {len(row) - 1}")
            yield Job.of(row, path.parent)
    except (ValueError, csv.Error) as error:
        raise DubberError(f"A job is not valid: {error}.", looked_at=f"{path}, line {rows.line_num}") from None
    if not found:
        raise DubberError("The list holds no job.", looked_at=path, hint=f"Columns: {', '.join(COLUMNS)}.")


@dataclass(frozen=True)
class Failed:
    """A job that could not be done, and why."""

    job: Job
    error: DubberError


def check_jobs(
    jobs: Sequence[Job], outputs: Sequence[Output], others: Mapping[str, Path | None], failures: Output
) -> None:
    """Refuse outputs that replace any input of any job, or each other, before any work.

    Args:
        outputs: everything that the jobs write.
        others: what all jobs read, by what messages call it.
        failures: the list of what fails; only such a list is replaced.

    Raises:
        DubberError: an output cannot be written, or replaces what must stay.
    """
    read = {f"{name} of job {n}": path for n, job in enumerate(jobs, 1) for name, path in job.inputs.items()}
    check_outputs([*outputs, failures], {**read, **others}, force=True)
    if failures.path.exists() and not failures.path.read_text("utf-8", "replace").startswith(_FAILURES):
        raise DubberError("A file has the name of the list of failures.", looked_at=failures.path, hint="Rename it.")


def do_jobs(jobs: Sequence[Job], work: Callable[[Job], None], *, again: bool) -> list[Failed]:
    """Do one job after the other, and go through all of them whatever fails.

    Args:
        work: does a job; its output is whole or absent.
        again: whether a job is done although its output is there.

    Returns:
        The jobs that failed.
    """
    failed = []
    for n, job in enumerate(jobs, 1):
        if job.output is not None and job.output.exists() and not again:
            log.info("[%d/%d] %s is there already", n, len(jobs), job.output)
            continue
        log.info("[%d/%d] %s", n, len(jobs), job.video)
        try:
            work(job)
        except DubberError as error:
            log.error("[%d/%d] %s", n, len(jobs), error)
            failed.append(Failed(job, error))
    return failed


def write_failures(path: Path, failed: Sequence[Failed]) -> None:
    """Write the failed jobs as a list of jobs with their reasons, which can be mended and given again.

    Raises:
        DubberError: the list cannot be written.
    """
    rows = io.StringIO(f"{_FAILURES}\n", newline="")
    rows.seek(0, io.SEEK_END)
    write = csv.writer(rows, lineterminator="\n").writerow
    for one in failed:
        values = (getattr(one.job, name) for name in COLUMNS)
        cells = ("" if v is None else v.absolute() if isinstance(v, Path) else v for v in values)
        write([*cells, one.error.what])
    with writing_told("The list of failures", path), atomic_path(path) as temporary:
        temporary.write_text(rows.getvalue(), encoding="utf-8")
