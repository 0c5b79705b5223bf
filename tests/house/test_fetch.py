"""Fetching from a server on this machine and from packages: progress, checksums, a second source, hostile archives."""

from __future__ import annotations

import hashlib
import logging
import re
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from dubber import assets, cli, fetch, packages
from dubber.assets import Asset
from dubber.errors import DubberError

CONTENT = bytes(range(256)) * 8192 + b"the last block is a short one"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT."""

    kind = "application/octet-stream"
    content = CONTENT
    asked: ClassVar[list[str]] = []

    def do_GET(self):
        type(self).asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url(monkeypatch):
    Server.asked = []
    monkeypatch.setattr(Server, "content", CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()


@pytest.fixture
def index(tmp_path, monkeypatch) -> packages.Packages:
    """A wheel and an npm package that are there already, each with a half of CONTENT."""
    folder, half = tmp_path / "index", len(CONTENT) // 2
    wheel = folder / "pip" / "front-1.0" / "front-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("front/data.part1", CONTENT[:half])
    npm = folder / "npm" / "back-2.0" / "back-2.0.tgz"
    npm.parent.mkdir(parents=True)
    (tmp_path / "part2").write_bytes(CONTENT[half:])
    with tarfile.open(npm, "w:gz") as packed:
        packed.add(tmp_path / "part2", "package/data.part2")
    return packages.Packages(folder)


HALVES = "pip:front==1.0:front/data.part1 + npm:back@2.0:data.part2"


def asset(url: str, sha256: str = SHA256, second: str = "") -> Asset:
    return Asset("weights", "codec", "1", url, sha256, "MIT", "weights.bin", 2.1, second)


def test_a_file_is_fetched_once_and_verified_every_time(url, index, tmp_path):
    path = fetch.fetch(asset(url), tmp_path, index)
    assert path.read_bytes() == CONTENT
    fetch.fetch(asset(url), tmp_path, index)
    assert len(Server.asked) == 1
    path.write_bytes(b"by hand, and wrong")
    with pytest.raises(DubberError, match=r"(?s)SHA-256.*Remove it"):
        fetch.fetch(asset(url), tmp_path, index)
    assert path.exists(), "what a person put there is not deleted"


def test_size_source_licence_and_progress_are_in_the_log(url, index, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        fetch.fetch(asset(url), tmp_path, index)
    assert f"weights: 2.1 MB from {url} (MIT)" in caplog.messages
    lines = [re.fullmatch(r"weights, MB: 2/2, ([\d.]+)/s, 0 s left", text) for text in caplog.messages]
    assert sum(line is not None and float(line[1]) > 0 for line in lines) == 1


def test_a_source_that_does_not_answer_is_replaced_by_the_files_in_packages(index, tmp_path, caplog):
    path = fetch.fetch(asset("http://127.0.0.1:9/weights.bin", second=HALVES), tmp_path, index)
    assert path.read_bytes() == CONTENT
    assert "second source" in caplog.text


def test_a_source_with_other_bytes_is_replaced_too(url, index, tmp_path, monkeypatch):
    monkeypatch.setattr(Server, "content", b"something else")
    assert fetch.fetch(asset(url, second=HALVES), tmp_path, index).read_bytes() == CONTENT


def test_the_checksum_decides_for_the_second_source_as_well(index, tmp_path):
    swapped = " + ".join(reversed(HALVES.split(" + ")))
    with pytest.raises(DubberError, match="SHA-256"):
        fetch.fetch(asset("http://127.0.0.1:9/weights.bin", second=swapped), tmp_path, index)
    assert list((tmp_path / "codec").iterdir()) == []


def test_a_package_without_the_file_says_so(index, tmp_path):
    wanted = replace(asset("pip:front==1.0:front/elsewhere"))
    with pytest.raises(DubberError, match=r"(?s)does not hold.*front-1.0"):
        fetch.fetch(wanted, tmp_path, index)


def test_a_package_that_cannot_be_fetched_names_the_client(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(DubberError, match=r"front==1.0 could not be fetched by pip"):
        fetch.fetch(asset("pip:front==1.0:front/data"), tmp_path, packages.Packages(tmp_path / "empty"))


def test_nobody_answers_and_the_command_that_resumes_is_printed(index, tmp_path):
    with pytest.raises(DubberError, match=r"(?s)could not be fetched.*curl .*--continue-at - .*weights\.bin\.part"):
        fetch.fetch(asset("http://127.0.0.1:9/weights.bin"), tmp_path, index)


def test_a_page_in_place_of_the_file_is_refused(url, index, tmp_path, monkeypatch):
    """A file host's page that asks for a confirmation must never become the recorded checksum."""
    monkeypatch.setattr(Server, "content", b"\n<!DOCTYPE html><html>confirm</html>")
    with pytest.raises(DubberError, match="answers with a page"):
        fetch.fetch(asset(url, ""), tmp_path, index)
    assert list((tmp_path / "codec").iterdir()) == []


def test_weights_keep_the_name_of_the_table_and_archives_their_own(url, index, tmp_path):
    confirmed = Asset("weights", "lips", "1", f"{url}?id=3&confirm=t", "", "MIT", "w.pth")
    assert fetch.fetch(confirmed, tmp_path, index) == tmp_path / "lips" / "w.pth"
    names = {"a/s1.zip": ("s1.zip", True), "a/fan.pth.tar": ("target", False), "a/b.tar": ("b.tar", True)}
    for address, (file, archive) in names.items():
        found = Asset("n", "g", "1", address, "", "MIT", "target")
        assert (found.file, found.is_archive) == (file, archive)


def test_an_unknown_checksum_is_recorded_and_binds_the_next_fetch(url, index, tmp_path):
    path = fetch.fetch(asset(url, ""), tmp_path, index)
    record = path.with_name("weights.bin.sha256")
    assert record.read_text().strip() == SHA256
    path.unlink()
    record.write_text("0" * 64)
    with pytest.raises(DubberError, match="SHA-256"):
        fetch.fetch(asset(url, ""), tmp_path, index)


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape"])
def test_hostile_archives_are_refused(tmp_path, name):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(DubberError, match="outside"):
        fetch.unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_archive_is_unpacked_under_the_data_root(url, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "s1.zip", "w") as packed:
        packed.writestr("s1/clip.mpg", "video")
    monkeypatch.setattr(Server, "content", (tmp_path / "s1.zip").read_bytes())
    corpus = Asset("grid_s1", "grid", "1", url.replace("weights.bin", "s1.zip"), "", "CC BY 4.0", "grid")
    fetch.fetch_all([corpus], tmp_path / "downloads", tmp_path / "data")
    assert (tmp_path / "data" / "grid" / "s1" / "clip.mpg").read_text() == "video"


# --- the command ------------------------------------------------------------------------------------------------


def test_the_list_names_every_group_with_size_and_licence(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "fetch_all", lambda *_: pytest.fail("nothing is fetched unasked"))
    cli.main(["fetch", "--list", "--downloads", str(tmp_path)])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines.keys() == {row.group for row in assets.assets()}
    assert re.search(r"0/3 files here, 3\.6 MB, Apache-2\.0", lines["lyra"])


def test_size_licence_and_check_are_shown_before_anything_is_fetched(capsys, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(fetch, "fetch_all", lambda *_: shown.append(capsys.readouterr().out) or [Path("here")])
    cli.main(["fetch", "lyra_encoder", "avhubert", "--yes"])
    assert "lyra_encoder: 1.8 MB, Apache-2.0, from raw.githubusercontent.com; SHA-256 checked" in shown[0]
    assert "no SHA-256 is published" in shown[0]


def test_a_person_who_says_no_gets_nothing(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    monkeypatch.setattr(fetch, "fetch_all", lambda *_: pytest.fail("fetched against a person's will"))
    with pytest.raises(SystemExit):
        cli.main(["fetch", "lyra"])
    assert "Nothing was fetched" in capsys.readouterr().err
