"""A lock ends with the process that holds it, and who waits for one says so."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from dubber.locks import locked

HOLD = """
import sys
from pathlib import Path
from dubber.locks import locked
with locked(Path(sys.argv[1]), "runs/a"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_for_the_first_and_says_so(tmp_path, caplog):
    process = hold(tmp_path / "lock")
    threading.Timer(0.3, process.stdin.close).start()
    start = time.monotonic()
    with locked(tmp_path / "lock", "runs/a"):
        assert time.monotonic() - start > 0.2
    assert "another process holds runs/a" in caplog.text
    process.wait()


def test_the_lock_of_a_killed_process_is_free(tmp_path, caplog):
    process = hold(tmp_path / "lock")
    process.kill()
    process.communicate()
    with locked(tmp_path / "lock", "runs/a"):
        assert caplog.text == ""


def test_a_lock_can_be_taken_again_after_an_error(tmp_path):
    for _ in range(2):
        try:
            with locked(tmp_path / "lock", "runs/a"):
                raise RuntimeError
        except RuntimeError:
            pass
    assert (tmp_path / "lock").exists()
