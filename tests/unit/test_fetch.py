"""Fetching from a server on this machine: progress, resumption, checksums, hostile archives."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from dubber import fetch
from dubber.errors import DubberError
from tests.conftest import ROOT

CONTENT = bytes(range(256)) * 8192


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT with byte ranges; the first answer breaks off in the middle."""

    broken = True
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop = len(CONTENT) // 2 if type(self).broken else len(CONTENT)
        type(self).broken = False
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url():
    Server.broken, Server.ranges = True, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()


def asset(url: str, sha256: str) -> fetch.Asset:
    return fetch.Asset("weights", "codec", "1", url, sha256, "MIT", "weights.bin")


def test_a_broken_download_goes_on_where_it_stopped(url, tmp_path):
    wanted = asset(url, hashlib.sha256(CONTENT).hexdigest())
    with pytest.raises(DubberError):
        fetch.fetch(wanted, tmp_path)
    assert not (tmp_path / "codec" / "weights.bin").exists(), "half a file is never taken for whole"
    path = fetch.fetch(wanted, tmp_path)
    assert path.read_bytes() == CONTENT
    assert Server.ranges[0] is None
    assert Server.ranges[-1] == f"bytes={len(CONTENT) // 2}-"
    fetch.fetch(wanted, tmp_path)
    assert len(Server.ranges) == 2, "a fetched file is not fetched again"


def test_a_wrong_checksum_is_refused_and_the_file_deleted(url, tmp_path):
    Server.broken = False
    with pytest.raises(DubberError, match="SHA-256"):
        fetch.fetch(asset(url, "0" * 64), tmp_path)
    assert [path.name for path in (tmp_path / "codec").iterdir()] == []


def test_an_unknown_checksum_is_recorded_and_binds_the_next_fetch(url, tmp_path):
    Server.broken = False
    path = fetch.fetch(asset(url, ""), tmp_path)
    record = path.with_name("weights.bin.sha256")
    assert record.read_text().strip() == hashlib.sha256(CONTENT).hexdigest()
    path.unlink()
    record.write_text("0" * 64)
    with pytest.raises(DubberError, match="SHA-256"):
        fetch.fetch(asset(url, ""), tmp_path)


def test_nobody_answers(tmp_path):
    with pytest.raises(DubberError, match="could not be fetched"):
        fetch.fetch(asset("http://127.0.0.1:9/weights.bin", ""), tmp_path)


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape"])
def test_hostile_archives_are_refused(tmp_path, name):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(DubberError, match="outside"):
        fetch.unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_table_of_assets_is_whole():
    table = fetch.assets(ROOT / "config" / "assets.csv")
    assert len({asset.name for asset in table}) == len(table)
    assert all(asset.licence and asset.version and asset.url.startswith("https://") for asset in table)
    assert len(fetch.group(ROOT / "config" / "assets.csv", "grid")) == 34
    with pytest.raises(DubberError, match="did you mean 'grid'"):
        fetch.group(ROOT / "config" / "assets.csv", "grd")
