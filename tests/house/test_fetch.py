"""Fetching from a server on this machine: progress, resumption, checksums, hostile archives."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from dubber import fetch
from dubber.artifacts import Progress
from dubber.assets import Asset
from dubber.errors import DubberError

CONTENT = bytes(range(256)) * 8192 + b"the last block is a short one"


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT with byte ranges; the first answer breaks off in the middle."""

    broken = True
    knows_ranges = True
    says_length = True
    kind = "application/octet-stream"
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).ranges.append(asked)
        resumed = asked and self.knows_ranges
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if resumed else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if resumed else 200)
        self.send_header("Content-Type", self.kind)
        if self.says_length:
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop = len(CONTENT) // 2 if type(self).broken else len(CONTENT)
        type(self).broken = False
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url(monkeypatch):
    Server.broken, Server.ranges = True, []
    for name in ("knows_ranges", "says_length", "kind"):
        monkeypatch.setattr(Server, name, getattr(Server, name))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()


def asset(url: str, sha256: str) -> Asset:
    return Asset("weights", "codec", "1", url, sha256, "MIT", "weights.bin")


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


def whole(url: str) -> Asset:
    return asset(url, hashlib.sha256(CONTENT).hexdigest())


def test_progress_is_shown_with_rate_and_time_left(url, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(fetch, "CHUNK", 1 << 18)
    with caplog.at_level(logging.INFO):
        with pytest.raises(DubberError):
            fetch.fetch(whole(url), tmp_path)
        fetch.fetch(whole(url), tmp_path)
    assert f"weights: 2 MB from {url} (MIT)" in caplog.messages
    line = re.fullmatch(r"weights, MB: 2/2, ([\d.]+)/s, 0 s left", caplog.messages[-1])
    assert line and float(line[1]) > 0, "the last line says that all is there, the resumed half included"


def test_progress_goes_on_where_the_download_does(url, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(fetch, "Progress", lambda *a, **named: Progress(*a, **named, every=0.0))
    monkeypatch.setattr(fetch, "CHUNK", 1 << 18)
    with caplog.at_level(logging.INFO):
        with pytest.raises(DubberError):
            fetch.fetch(whole(url), tmp_path)
        fetch.fetch(whole(url), tmp_path)
    counts = [int(m[1]) for text in caplog.messages if (m := re.match(r"weights, MB: (\d)/2", text))]
    assert counts == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2], "the second try starts at the half, which is 1 MB"


def test_a_source_that_hides_the_length_still_shows_progress(url, tmp_path, caplog):
    Server.broken, Server.says_length = False, False
    with caplog.at_level(logging.INFO):
        progress = Progress("weights, MB", 0, every=0.0)
        progress.advance(1.5)
    assert re.fullmatch(r"weights, MB: 1, [\d.]+/s", caplog.messages[-1])
    assert fetch.fetch(whole(url), tmp_path).read_bytes() == CONTENT


def test_a_source_without_ranges_starts_again(url, tmp_path):
    Server.knows_ranges = False
    with pytest.raises(DubberError):
        fetch.fetch(whole(url), tmp_path)
    assert fetch.fetch(whole(url), tmp_path).read_bytes() == CONTENT
    assert Server.ranges[-1] == f"bytes={len(CONTENT) // 2}-", "it was asked to go on"


def test_a_download_that_was_whole_before_it_was_verified_is_only_verified(url, tmp_path):
    Server.broken = False
    (tmp_path / "codec").mkdir()
    (tmp_path / "codec" / "weights.bin.part").write_bytes(CONTENT)
    assert fetch.fetch(whole(url), tmp_path).read_bytes() == CONTENT
    (tmp_path / "codec" / "weights.bin").rename(tmp_path / "codec" / "weights.bin.part")
    with pytest.raises(DubberError, match="SHA-256"):
        fetch.fetch(asset(url, "0" * 64), tmp_path)


def test_a_page_in_place_of_the_file_is_refused(url, tmp_path):
    """A file host's page that asks for a confirmation must never become the recorded checksum."""
    Server.broken, Server.kind = False, "text/html; charset=utf-8"
    with pytest.raises(DubberError, match="answers with a page"):
        fetch.fetch(asset(url, ""), tmp_path)
    assert list((tmp_path / "codec").iterdir()) == []


def test_weights_keep_the_name_of_the_table_and_archives_their_own(url, tmp_path):
    Server.broken = False
    confirmed = Asset("weights", "lips", "1", f"{url}?id=3&confirm=t", "", "MIT", "w.pth")
    assert fetch.fetch(confirmed, tmp_path) == tmp_path / "lips" / "w.pth"
    names = {"a/s1.zip": ("s1.zip", True), "a/fan.pth.tar": ("target", False), "a/b.tar": ("b.tar", True)}
    for address, (file, archive) in names.items():
        found = Asset("n", "g", "1", address, "", "MIT", "target")
        assert (found.file, found.is_archive) == (file, archive)


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
