"""Errors that tell a person what failed, what was looked at, and what to do next."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the system's numbers for it


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
    """One clip cannot be processed: it becomes a failure row, its shard goes on."""


class ConfigError(DubberError):
    """A setting is unknown, of the wrong type or out of range."""


class MissingDataError(DubberError):
    """A corpus, a weight file or a tool is not where it was looked for."""


class DamagedArtifact(DubberError):
    """A file that the workflow made is not whole any more; a job that meets it sets it aside, to be made anew."""


class ResumeError(DubberError):
    """A checkpoint belongs to a run with other settings."""
