"""Errors that tell a person what failed, what was looked at, and what to do next."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager

ROOM = "Nothing half-written was kept. Make room and run the same command again."
RIGHTS = "Make the folder writable and run the same command again."
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), ROOM),
    **dict.fromkeys((errno.EROFS, errno.EACCES), RIGHTS),
}
"""The system's numbers for a full disk and for a folder that cannot be written, each with what to do about it."""


class DubberError(Exception):
    """A failure with a remedy.

    Args:
        what: what failed, one sentence.
        looked_at: the file, key or value that was examined.
        hint: what the reader can do next.
    """

    def __init__(self, what: str, *, looked_at: object = None, hint: str | None = None) -> None:
        self.what = what
        self.looked_at = looked_at
        self.hint = hint
        super().__init__(self.__str__())

    def __str__(self) -> str:
        lines = [self.what]
        if self.looked_at is not None:
            lines.append(f"  looked at: {self.looked_at}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self):
        return _rebuild, (type(self), self.what, self.looked_at, self.hint)


def _rebuild(kind: type[DubberError], what: str, looked_at: object, hint: str | None):
    return kind(what, looked_at=looked_at, hint=hint)


class ClipError(DubberError):
    """One clip cannot be processed: it becomes a failure row, and its shard continues."""


class ConfigError(DubberError):
    """A setting is unknown, of the wrong type or out of range."""


class MissingDataError(DubberError):
    """A corpus, a weight file or a tool is not where it was looked for."""


class DamagedArtifact(DubberError):
    """A file that the workflow made is damaged; a job that meets it sets it aside, so that it is made again."""


class ResumeError(DubberError):
    """A checkpoint belongs to a run with other settings."""


@contextmanager
def writing_told(what: str, path: object, more: str = "") -> Iterator[None]:
    """Turn the system's refusal to write into an error that names the thing that was written.

    Args:
        what: the thing, such as "The output".
        path: its file or folder.
        more: a sentence that is added to the hint.

    Raises:
        DubberError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        remedy, reason = REMEDIES[error.errno], os.strerror(error.errno)
        reason = f"the disk is full ({reason})" if remedy == ROOM else reason
        raise DubberError(
            f"{what} cannot be written: {reason}.", looked_at=error.filename or path, hint=f"{remedy} {more}".strip()
        ) from error


def listed(names: Collection[str], shown: int = 5) -> str:
    """The first few names, and how many more there are."""
    first, more = list(names)[:shown], len(names) - shown
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
