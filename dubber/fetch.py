"""Everything that comes from the network: rows of `config/assets.csv`, fetched with progress, resumed and verified.

Only the fetch rules call this. A corpus is unpacked under the data root, a weight file is kept under `downloads/`.
"""

from __future__ import annotations

import logging
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dubber.artifacts import Progress
from dubber.assets import Asset
from dubber.errors import DubberError
from dubber.provenance import checksum

log = logging.getLogger(__name__)

CHUNK = 1 << 20
MEGABYTE = 1e6
TIMEOUT = 60


def fetch(asset: Asset, downloads: Path) -> Path:
    """Download one asset to `downloads/<group>/`, going on where an earlier try stopped, and verify it.

    Raises:
        DubberError: the source does not answer, answers with a page, or the checksum is not the expected one.
    """
    folder = downloads / asset.group
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / asset.file
    if not path.exists():
        partial = path.with_name(path.name + ".part")
        _download(asset, partial)
        _verify(asset, partial, path.with_name(path.name + ".sha256"))
        partial.rename(path)
    return path


def _download(asset: Asset, partial: Path) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(asset.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.headers.get_content_type() == "text/html":
                raise OSError("the source answers with a page, not with the file")
            resumed = answer.status == 206
            total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
            log.info("%s: %.0f MB from %s (%s)", asset.name, total / MEGABYTE, asset.url, asset.licence)
            progress = Progress(f"{asset.name}, MB", total / MEGABYTE, done=have / MEGABYTE if resumed else 0)
            with partial.open("ab" if resumed else "wb") as file:
                while block := answer.read(CHUNK):
                    file.write(block)
                    progress.advance(len(block) / MEGABYTE)
            if partial.stat().st_size < total:
                raise OSError(f"the connection closed after {partial.stat().st_size} of {total} bytes")
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to fetch
            raise _unreachable(asset, error) from error
    except OSError as error:
        raise _unreachable(asset, error) from error


def _unreachable(asset: Asset, error: Exception) -> DubberError:
    return DubberError(
        f"{asset.name} could not be fetched: {error}",
        looked_at=asset.url,
        hint="Run the same command again: it resumes where it stopped. Without a network, put the file there by hand.",
    )


def _verify(asset: Asset, path: Path, record: Path) -> None:
    found = checksum(path)
    expected = asset.sha256 or (record.read_text().strip() if record.exists() else "")
    if not expected:
        log.warning("%s: its source publishes no SHA-256; recorded %s in %s", asset.name, found, record)
        record.write_text(found + "\n")
    elif found != expected:
        path.unlink()
        raise DubberError(
            f"{asset.name} is not the expected file: its SHA-256 is {found}, not {expected}. It was deleted.",
            looked_at=asset.url,
            hint="Fetch again; if it stays so, the source has changed and config/assets.csv needs a new version.",
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive under `folder`; an entry that would leave it is refused.

    Raises:
        DubberError: the archive is damaged or hostile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opener: Callable = zipfile.ZipFile if archive.suffix == ".zip" else tarfile.open
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
