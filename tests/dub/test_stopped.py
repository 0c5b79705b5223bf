"""Stopped in the middle: no half-written file stays, and the exit code says by which signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.tiny_project import every, write_film

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
SLOW = """
import sys, time
from pathlib import Path
from dubber.files import atomic_path
from dubber.cli import main
from dubber.commands import info

def run(args):
    with atomic_path(args.checkpoint) as temporary:
        temporary.write_text("half of it")
        time.sleep(60)

info.run = run
main(["info", sys.argv[1]])
"""


def heed_signals() -> None:
    """In the child: none is ignored from the beginning, as they are in the background or under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def stop_when_writing(process: subprocess.Popen, folder: Path, number: int) -> int:
    """Wait for a temporary file in the folder, and send the signal."""
    deadline = time.monotonic() + 90
    while not any(path.name.endswith(".tmp") and path.stat().st_size for path in folder.iterdir()):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(number)
    return process.wait(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(tmp_path, number):
    command = [sys.executable, "-c", SLOW, str(tmp_path / "a")]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals
    ) as process:
        assert stop_when_writing(process, tmp_path, number) == 128 + number
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_what_ignores_a_hang_up_goes_on_without_a_terminal(tmp_path):
    """As with nohup: the signal is ignored from the beginning."""
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", SLOW, str(tmp_path / "a")]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM


def test_a_dub_that_is_stopped_while_writing_leaves_nothing_behind(tiny_export, reference, tmp_path):
    film = write_film(tmp_path / "film.mp4", every(25, 40), preset="ultrafast")
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "dubber", "dub", "--checkpoint", str(tiny_export), "--video", str(film)]
    command += ["--text", "bin now", "--end", "1", "--reference", str(reference), "-o", str(folder / "a.webm")]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        assert stop_when_writing(process, folder, signal.SIGTERM) == 128 + signal.SIGTERM
        assert "Traceback" not in process.stderr.read()
    assert list(folder.iterdir()) == []
