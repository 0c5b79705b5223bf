"""Files: what is read within limits and by checksum, and what is written, whole or not at all, over nothing unasked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dubber.errors import DubberError

MAX_TEXT_BYTES = 16 * 1024 * 1024  # an hour of phones takes about 4 MB
MAX_LIST_BYTES = 1024 * 1024 * 1024  # lists that are read whole: ten million lines
MAX_PIXELS = 2**26  # of one picture; 8K has half as many
MAX_CLIP_SECONDS = 600  # of a corpus's video, whose crops are kept in memory; clips are seconds long
MAX_SOUND_SECONDS = 3600  # of a sound that is decoded whole

OTHER_NAME = "Choose another name."


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


@dataclass(frozen=True)
class Output:
    """A file or folder that a command will write.

    Attributes:
        path: its name.
        endings: those that the name of such a file may have.
        kind: how messages call it.
        marker: of a folder, the file in it by which it is known as `what`, and may be replaced; None for a file.
        what: what such a folder is.
    """

    path: Path
    endings: tuple[str, ...] = ()
    kind: str = "output"
    marker: str | None = None
    what: str = "a file"


def temporary_beside(path: Path) -> Path:
    """The name under which a file or folder is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_outputs(outputs: Sequence[Output], inputs: Mapping[str, Path | str | None], *, force: bool) -> None:
    """Whether all of it may be written.

    Args:
        inputs: every file and folder that the command reads, by what messages call it; None is passed over.
        force: whether what is there already may be replaced; an input never is.

    Raises:
        DubberError: an output is of no known kind, is an input by any name, exists, or cannot be written.
    """
    read = {name: Path(path) for name, path in inputs.items() if path is not None}
    for place, output in enumerate(outputs):
        try:
            _check_kind(output)
            _check_inputs(output, read)
            _check_others(output, outputs[:place])
            _check_existing(output, force)
            _check_writable(output)
        except OSError as error:
            raise _unwritable(output, error) from error


def _check_kind(output: Output) -> None:
    if output.marker is None and output.path.is_dir():
        raise DubberError(f"The {output.kind} is a folder.", looked_at=output.path, hint="Name a file.")
    suffix = output.path.suffix.lower()
    if output.endings and suffix not in output.endings:
        raise DubberError(
            f"The {output.kind} cannot be written to a file that ends in {suffix!r}.",
            looked_at=output.path,
            hint=f"Endings that can be written: {', '.join(output.endings)}.",
        )


def _check_inputs(output: Output, read: Mapping[str, Path]) -> None:
    for name, path in read.items():
        found = next((part for part in _parts(path, output) if _same(output.path, part)), None)
        if found is not None:
            looked_at = output.path if output.path == found else f"{output.path}, which is {found}"
            what = f"The {output.kind} would replace {'' if found == path else 'a part of '}the {name} itself."
            raise DubberError(what, looked_at=looked_at, hint=OTHER_NAME)


def _parts(path: Path, output: Output) -> Iterator[Path]:
    """An input, with the folders above it if the output is a folder, or the files in it if the output is a file."""
    yield path
    if output.marker is not None:
        yield from path.resolve().parents
    elif path.is_dir() and os.path.lexists(output.path):
        inside = chain(path.glob("*"), path.glob("*/*"))
        yield from (file for file in inside if file.suffix.lower() not in output.endings)


def _same(a: Path, b: Path) -> bool:
    """Whether two names are of one file, be it by links or by spelling."""
    try:
        return a.samefile(b)
    except OSError:
        return a.resolve() == b.resolve()


def _check_others(output: Output, others: Sequence[Output]) -> None:
    for other in others:
        if _same(output.path, other.path):
            raise DubberError(
                f"The {output.kind} and the {other.kind} are one file.", looked_at=output.path, hint=OTHER_NAME
            )


def _check_existing(output: Output, force: bool) -> None:
    path = output.path
    if output.marker is not None and path.is_dir():
        if not any(path.iterdir()):
            return
        if not (path / output.marker).is_file():
            raise DubberError(f"The {output.kind} is not {output.what}.", looked_at=path, hint=OTHER_NAME)
    elif os.path.lexists(path) and (output.marker is not None or (path.exists() and not path.is_file())):
        raise DubberError(f"The {output.kind} exists and is not {output.what}.", looked_at=path, hint=OTHER_NAME)
    if os.path.lexists(path) and not force:
        raise DubberError(f"The {output.kind} exists.", looked_at=path, hint="--force replaces it.")


def _check_writable(output: Output) -> None:
    """Make and remove the temporary file that the output will be written to."""
    folder = output.path.parent
    if not folder.is_dir():
        raise DubberError(
            f"The folder of the {output.kind} does not exist.",
            looked_at=folder,
            hint=f"Make it first: mkdir -p {folder}",
        )
    temporary = temporary_beside(output.path)
    try:
        temporary.open("xb").close()
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(output: Output, error: OSError) -> DubberError:
    return DubberError(
        f"The {output.kind} cannot be written: {os.strerror(error.errno or 0)}.",
        looked_at=output.path,
        hint="Choose a folder that can be written, or another name.",
    )
