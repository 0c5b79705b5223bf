"""What the listening test's server serves, what it refuses, and that nothing it has acknowledged is lost."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from dubber.errors import DubberError
from dubber.listening.answers import answer_files, latest, read_answers
from dubber.listening.definition import file_of, load_test, sound_file
from dubber.listening.server import ListeningServer
from dubber.listening.session import Session
from tests.helpers.running import SYSTEMS, listening, small_test

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_test(tmp_path)
    return tmp_path / "listening/demo/2.0"


@pytest.fixture
def server(folder: Path):
    with ListeningServer(Session(load_test(file_of(folder)), folder), 0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, *, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    connection.request(method, path, body, headers or {})
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


def trials_of(server, listener: str) -> list[dict]:
    return json.loads(ask(server, f"/trials?listener={listener}")[1])["trials"]


def post(server, headers=JSON, **changes):
    trial = trials_of(server, "ada")[0]
    body = {"listener": "ada", "question": trial["question"], "sample": trial["sample"], "value": 4, **changes}
    return ask(server, "/answers", method="POST", body=json.dumps(body), headers=headers)


def kept(folder: Path) -> list:
    return [answer for path in answer_files(folder) for answer in read_answers(path)]


def test_the_page_stands_alone_and_may_do_nothing_else(server):
    reply, content = ask(server, "/")
    page = content.decode()
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/html")
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "nothing is loaded from elsewhere"
    assert "://" not in page
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and policy.count("'sha256-") == 2


def test_neither_systems_nor_clips_nor_the_experiment_reach_the_browser(server):
    told = ask(server, "/")[1] + ask(server, "/trials?listener=ada")[1]
    for trial in trials_of(server, "ada"):
        reply, content = ask(server, f"/sounds/{trial['sample']}.wav")
        told += str(reply.headers).encode() + content[:60]
    for secret in (*SYSTEMS, "clip_", "demo", "protocol"):
        assert secret.encode() not in told, secret


def test_order_is_stable_and_differs_between_listeners(server):
    ada, again, bob = (trials_of(server, name) for name in ("ada", "Ada", "bob"))
    assert ada == again, "capital letters are the same listener"
    assert ada != bob
    assert sorted(map(str, ada)) == sorted(map(str, bob))


def test_an_answer_is_kept_at_once_and_can_be_changed(server, folder):
    trial = trials_of(server, "ada")[0]
    assert post(server)[0].status == 201
    (answer,) = kept(folder)
    assert (answer.listener, answer.sample, answer.value) == ("ada", trial["sample"], 4)
    assert answer.system in SYSTEMS and answer.clip.startswith("clip_")
    post(server, value=2)
    assert len(kept(folder)) == 2 and [answer.value for answer in latest(kept(folder))] == [2]
    assert trials_of(server, "ada")[0]["value"] == 2
    assert {trial["value"] for trial in trials_of(server, "bob")} == {None}


@pytest.mark.parametrize("value", [0, 6, -1, 3.5, 4.0, "4", None, True, [4], {"x": 4}, 10**30])
def test_values_that_are_no_whole_number_from_1_to_5(server, folder, value):
    reply, content = post(server, value=value)
    assert reply.status == 400 and "value" in json.loads(content)["error"]
    assert kept(folder) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"listener": ""},
        {"listener": "x" * 33},
        {"listener": "../ada"},
        {"listener": "a/b"},
        {"listener": "ada\n"},
        {"listener": None},
        {"question": "beauty"},
        {"sample": "../../etc"},
        {"sample": 7},
        {"surplus": 1},
    ],
)
def test_bodies_that_are_no_answer(server, folder, changes):
    assert post(server, **changes)[0].status == 400
    assert kept(folder) == []


def test_a_sample_that_is_not_in_the_test(server, folder):
    reference = next(trial["reference"] for trial in trials_of(server, "ada") if trial["reference"])
    assert post(server, sample="f" * 16)[0].status == 404
    assert post(server, sample=reference)[0].status == 404, "a reference is not judged"
    assert kept(folder) == []


@pytest.mark.parametrize("body", ["", "no json", "[1]", "NaN", '{"value": 4', "{}", "\ud83d".encode("utf-8", "ignore")])
def test_bodies_that_are_no_object(server, folder, body):
    assert ask(server, "/answers", method="POST", body=body, headers=JSON)[0].status in (400, 411)
    assert kept(folder) == []


def test_bodies_that_are_too_long_of_unknown_length_or_of_another_type(server, folder):
    assert post(server, listener="x" * 2000)[0].status == 413
    assert post(server, headers={"Content-Type": "text/plain"})[0].status == 415
    assert post(server, headers={})[0].status == 415
    huge = {**JSON, "Content-Length": "99999999999999"}
    assert ask(server, "/answers", method="POST", headers=huge)[0].status == 411
    chunked = ask(server, "/answers", method="POST", body=iter([b"{}"]), headers=JSON)
    assert chunked[0].status == 411
    assert kept(folder) == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.7", ""])
def test_foreign_hosts(server, folder, host):
    for path in ("/", "/trials?listener=ada"):
        reply, content = ask(server, path, headers={"Host": host})
        assert reply.status == 421 and b"trials" not in content
    assert post(server, headers={**JSON, "Host": host})[0].status == 421
    assert kept(folder) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:80"])
def test_this_machines_own_names(server, host):
    assert ask(server, "/", headers={"Host": host})[0].status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/test.json",
        "/answers/ada.jsonl",
        "/sounds/../test.json",
        "/sounds/..%2ftest.json",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/sounds/ffffffffffffffff.wav",
        "/sounds/",
    ],
)
def test_paths_that_lead_nowhere(server, path):
    reply, content = ask(server, path)
    assert reply.status in (400, 404) and set(json.loads(content)) == {"error"}


def test_an_address_that_is_none(server):
    with socket.create_connection(server.server_address) as raw:
        raw.sendall(b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.makefile("rb").readline().split()[1] == b"400"


@pytest.mark.parametrize("query", ["", "?listener=", "?listener=a%20b", "?listener=" + "x" * 33, "?listener=..%2fada"])
def test_trials_without_a_proper_listener(server, folder, query):
    reply, content = ask(server, "/trials" + query)
    assert reply.status == 400 and "1 to 32 letters" in json.loads(content)["error"]


def test_other_methods_and_routes(server):
    assert ask(server, "/answers")[0].status == 405
    assert ask(server, "/trials", method="POST", body="{}", headers=JSON)[0].status == 404
    assert ask(server, "/", method="DELETE")[0].status == 501
    reply, content = ask(server, "/", method="HEAD")
    assert reply.status == 200 and content == b"" and int(reply.headers["Content-Length"]) > 1000


def test_ranges_of_a_sound(server, folder):
    sound = trials_of(server, "ada")[0]["sample"]
    whole = sound_file(folder, sound).read_bytes()
    path = f"/sounds/{sound}.wav"
    reply, content = ask(server, path)
    assert (reply.status, content) == (200, whole)
    assert reply.headers["Content-Type"] == "audio/wav" and reply.headers["Accept-Ranges"] == "bytes"
    wanted = {"bytes=0-99": whole[:100], "bytes=100-": whole[100:], "bytes=-50": whole[-50:]}
    wanted["bytes=10-9999999"] = whole[10:]
    for asked, expected in wanted.items():
        reply, content = ask(server, path, headers={"Range": asked})
        assert (reply.status, content) == (206, expected)
        start = whole.index(expected)
        assert reply.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(whole)}"
    for asked in (f"bytes={len(whole)}-", "bytes=-0", "bytes=9-3"):
        assert ask(server, path, headers={"Range": asked})[0].status == 416
    for asked in ("bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "9" * 5000 + "-"):
        assert ask(server, path, headers={"Range": asked})[1] == whole, "what is not understood is as if not asked"


def test_only_loopback_is_opened_and_a_taken_port_is_named(server, folder):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(DubberError, match="cannot be opened"):
        ListeningServer(Session(load_test(file_of(folder)), folder), server.server_address[1])


def test_a_full_disk_is_an_error_that_the_browser_hears_of(server, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dubber.listening.session.keep", full)
    assert post(server)[0].status == 500


def test_many_listeners_at_once(server, folder):
    def listen(name: str) -> None:
        for trial in trials_of(server, name):
            body = {"listener": name, "question": trial["question"], "sample": trial["sample"], "value": 3}
            assert ask(server, "/answers", method="POST", body=json.dumps(body), headers=JSON)[0].status == 201

    threads = [threading.Thread(target=listen, args=(f"listener{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answer_files(folder)) == 6
    assert len(latest(kept(folder))) == len(kept(folder)) == 6 * 18


def test_a_connection_that_breaks_off_harms_nobody(server, folder):
    with socket.create_connection(server.server_address) as raw:
        raw.sendall(b"POST /answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        raw.sendall(b'Content-Length: 90\r\n\r\n{"list')
    assert post(server)[0].status == 201
    assert len(kept(folder)) == 1


def test_what_was_acknowledged_survives_a_kill_and_the_next_start_goes_on(tmp_path):
    small_test(tmp_path)
    with listening(tmp_path) as first:
        asked = first.ask("/trials?listener=ada")["trials"]
        for trial, value in zip(asked[:5], (1, 2, 3, 4, 5), strict=True):
            first.answer("ada", trial, value)
        first.process.kill()
        first.process.wait()
    with listening(tmp_path) as second:
        again = second.ask("/trials?listener=ada")["trials"]
    assert [trial["value"] for trial in again] == [1, 2, 3, 4, 5] + [None] * (len(asked) - 5)
    assert [trial["sample"] for trial in again] == [trial["sample"] for trial in asked]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(tmp_path, how):
    small_test(tmp_path)
    with listening(tmp_path) as running:
        running.ask("/trials?listener=ada")
        running.process.send_signal(how)
        said = running.process.stderr.read()
        assert running.process.wait(20) == 0
    assert "Stopped" in said and "Traceback" not in said
