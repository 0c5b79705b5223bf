"""Everything that comes from the network: rows of `config/assets.csv`, fetched with progress and verified.

Only the fetch rule and `dubber fetch` call this. A corpus is unpacked under the data root, a weight file is kept under
`downloads/`. What counts is the checksum: where the official source does not answer, the second one does as well.
"""

from __future__ import annotations

import logging
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from dubber.assets import Asset
from dubber.errors import DubberError
from dubber.files import checksum
from dubber.packages import Packages
from dubber.progress import Progress

log = logging.getLogger(__name__)

CHUNK = 1 << 20
MEGABYTE = 1e6
TIMEOUT = 60
PAGE = (b"<!doctype", b"<html")  # how a page begins, in small letters


def fetch_all(rows: Iterable[Asset], downloads: Path, data_root: Path) -> list[Path]:
    """Fetch rows of the table; archives are unpacked under the data root.

    Raises:
        DubberError: see `fetch` and `unpack`.
    """
    paths = []
    with tempfile.TemporaryDirectory(prefix="dubber-packages-") as folder:
        packages = Packages(Path(folder))
        for asset in rows:
            paths.append(fetch(asset, downloads, packages))
            if asset.is_archive:
                unpack(paths[-1], data_root / asset.target)
    return paths


def fetch(asset: Asset, downloads: Path, packages: Packages) -> Path:
    """Fetch one file to `downloads/<group>/` and verify it; one that is there is only verified.

    Raises:
        DubberError: no source answers with the file, or its checksum is not the expected one.
    """
    path = downloads / asset.group / asset.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _verify(asset, path, path)
        return path
    partial = path.with_name(path.name + ".part")
    for last, source in enumerate(asset.sources, start=1 - len(asset.sources)):
        try:
            if isinstance(source, str):
                _download(asset, source, partial)
            else:
                log.info("%s: %s from %s (%s)", asset.name, asset.size, packages.names(source), asset.licence)
                packages.join(source, partial)
            _verify(asset, partial, path)
            break
        except DubberError as error:
            partial.unlink(missing_ok=True)
            if not last:
                raise
            log.warning("%s\n  The second source of the same file is tried.", error.what)
    return partial.rename(path)


def _download(asset: Asset, url: str, path: Path) -> None:
    import pooch
    import requests

    log.info("%s: %s from %s (%s)", asset.name, asset.size, url, asset.licence)
    downloader = pooch.HTTPDownloader(progressbar=_Bar(asset.name), chunk_size=CHUNK, timeout=TIMEOUT)
    try:
        pooch.retrieve(url, None, path.name, path.parent, downloader=downloader)
        with path.open("rb") as file:
            if file.read(16).lstrip().lower().startswith(PAGE):
                raise OSError("the source answers with a page, not with the file")
    except (requests.RequestException, OSError, ValueError) as error:
        raise _unreachable(asset, url, path, error) from error


def _unreachable(asset: Asset, url: str, partial: Path, error: Exception) -> DubberError:
    whole = partial.with_suffix("")
    return DubberError(
        f"{asset.name} could not be fetched: {error}",
        looked_at=url,
        hint="Run the same command again. A large file is better fetched so that it can resume:\n"
        f"    curl --location --continue-at - --output {partial} '{url}' && mv {partial} {whole}\n"
        "  Then the same command verifies it. Without a network, put the file there by hand.",
    )


class _Bar:
    """What pooch tells its progress to, as lines in a log."""

    def __init__(self, name: str) -> None:
        self._name, self.total = name, 0
        self._line: Progress | None = None

    def update(self, count: int) -> None:
        self._line = self._line or Progress(f"{self._name}, MB", self.total / MEGABYTE)
        self._line.advance(count / MEGABYTE)

    def reset(self) -> None:
        """Called once when all is there, before the whole is told a second time."""
        self._line = None

    def close(self) -> None:
        """Called at the end."""


def _verify(asset: Asset, path: Path, final: Path) -> None:
    """Check the file at `path`, which is or becomes `final`."""
    record, found = final.with_name(final.name + ".sha256"), checksum(path)
    expected = asset.sha256 or (record.read_text().strip() if record.exists() else "")
    if not expected:
        log.warning("%s: nobody publishes its SHA-256; recorded %s in %s", asset.name, found, record)
        record.write_text(found + "\n")
    elif found != expected:
        raise DubberError(
            f"{asset.name} is not the expected file: its SHA-256 is {found}, not {expected}.",
            looked_at=path,
            hint="Remove it and fetch again; if it stays so, the source has changed and config/assets.csv needs "
            "a new version.",
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive under `folder`; an entry that would leave it is refused.

    Raises:
        DubberError: the archive is damaged or hostile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opener: Callable[[Path], Any] = zipfile.ZipFile if archive.suffix == ".zip" else tarfile.open
    try:
        with opener(archive) as packed:
            if isinstance(packed, tarfile.TarFile):
                packed.extractall(folder, filter="data")
            else:
                _refuse_escapes(packed.namelist(), archive)
                packed.extractall(folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise DubberError(
            f"An archive cannot be unpacked: {error}", looked_at=archive, hint="Fetch it again."
        ) from error


def _refuse_escapes(names: list[str], archive: Path) -> None:
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DubberError(f"An archive names a path outside its folder: {name}", looked_at=archive)
