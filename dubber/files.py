"""Files that are read: limits on what a stranger may have made, and checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dubber.errors import DubberError

MAX_TEXT_BYTES = 16 * 1024 * 1024  # an hour of phones takes about 4 MB
MAX_LIST_BYTES = 1024 * 1024 * 1024  # lists that are read whole: ten million lines
MAX_PIXELS = 2**26  # of one picture; 8K has half as many
MAX_CLIP_SECONDS = 600  # of a corpus's video, whose crops are kept in memory; clips are seconds long
MAX_SOUND_SECONDS = 3600  # of a sound that is decoded whole


def read_limited(path: Path | str, what: str, limit: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of a file, refused by its size before one of them is read.

    Args:
        what: how the message calls the file, such as "A transcript".

    Raises:
        DubberError: the file cannot be read, or is larger than `limit` bytes.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit + 1) if (size := Path(path).stat().st_size) <= limit else b""
    except OSError as error:
        raise DubberError(f"{what} cannot be read: {error.strerror}.", looked_at=path) from error
    if size > limit or len(content) > limit:
        raise DubberError(
            f"{what} of {max(size, len(content)):,} bytes is larger than the {limit:,} that are read.",
            looked_at=path,
            hint="Is it the right file? If it is, split it.",
        )
    return content


def checksum(path: Path | str) -> str:
    """SHA-256 of a file, in 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: Path | str) -> str:
    """Digest of a file's bytes, as short as that of any value."""
    return checksum(path)[:16]
