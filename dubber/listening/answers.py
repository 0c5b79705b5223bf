"""What listeners answered: one JSON line an answer, one file a listener, only ever appended to.

An answer that was acknowledged is on the disk. A process that is killed while it writes leaves at most one torn line,
which no reader takes for an answer and the next writer closes. A changed answer is a further line; the last one counts.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from pydantic import Field, ValidationError

from dubber.errors import MissingDataError
from dubber.listening.definition import SOUND_ID, Question, folder_of
from dubber.settings import Settings

log = logging.getLogger(__name__)

LISTENER = r"^[a-z0-9][a-z0-9_-]{0,31}$"
SUFFIX = ".jsonl"


class Submitted(Settings):
    """An answer as the page sends it."""

    listener: str = Field(pattern=LISTENER, description="name that the listener chose")
    question: Question = Field(description="what was asked")
    sample: str = Field(pattern=rf"^{SOUND_ID}$", description="id of the sound that was judged")
    value: int = Field(ge=1, le=5, strict=True, description="1..5, 5 is best")


class Answer(Submitted):
    """An answer as it is kept: readable without anything else."""

    system: str = Field(description="name of the system")
    clip: str = Field(description="name of the clip")
    time: str = Field(description="when it came, ISO 8601, UTC")


def answers_folder(folder: Path) -> Path:
    """The file of the answers to the test in `folder`."""
    return folder / "answers"


def answer_files(folder: Path) -> list[Path]:
    """One file for each listener of the test in `folder`."""
    return sorted(answers_folder(folder).glob(f"*{SUFFIX}"))


def answered(experiment: str, protocols: Iterable[str]) -> list[Path]:
    """Every listener's answers to the tests of an experiment.

    Raises:
        MissingDataError: nobody has answered yet.
    """
    folders = [folder_of(experiment, protocol) for protocol in protocols]
    files = [path for folder in folders for path in answer_files(folder)]
    if not files:
        raise MissingDataError(
            f"No listener has answered for the experiment '{experiment}' yet.",
            looked_at=", ".join(map(str, folders)),
            hint=f"This command starts the listening test: dubber listen --experiment {experiment}",
        )
    return files


def keep(answer: Answer, folder: Path) -> None:
    """Append an answer to its listener's file and return when it is on the disk.

    Any number of threads and processes may do so at once.

    Raises:
        OSError: the disk is full, or it fails otherwise; the answer may then be there in part, and does not count.
    """
    path = answers_folder(folder) / f"{answer.listener}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        line = answer.model_dump_json().encode() + b"\n"
        _write(file, line if _ends_well(file) else b"\n" + line)
        os.fsync(file.fileno())
    if new:
        _sync_folder(path.parent)


def _write(file: FileIO, line: bytes) -> None:
    written = file.write(line)
    if written != len(line):  # on a full disk the system takes what still fits, and says no more than that
        raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes were written", file.name)


def _ends_well(file: FileIO) -> bool:
    """Whether the file is empty or ends with a whole line."""
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as what it holds."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_answers(path: Path | str) -> Iterator[Answer]:
    """The answers of one file, in the order in which they came; an invalid line is skipped and named."""
    for number, line in enumerate(Path(path).read_bytes().splitlines(), start=1):
        try:
            yield Answer.model_validate_json(line)
        except ValidationError:
            log.warning("%s: line %d is not a whole answer and does not count", path, number)


def latest(answers: Iterable[Answer]) -> list[Answer]:
    """The answers that count: each listener's last one on each question and sample."""
    return list({(answer.listener, answer.question, answer.sample): answer for answer in answers}.values())
