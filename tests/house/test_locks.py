"""Locks die with the process that holds them."""

from __future__ import annotations

import errno
import subprocess
import sys

from dubber.locks import ALIVE, hold_alive, wait_for_lock

HOLD = """
import sys
from pathlib import Path
from dubber.locks import hold_alive
held = hold_alive(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def left_over(folder):
    (folder / "locks").mkdir(parents=True, exist_ok=True)
    lock = folder / "locks" / "0.input.lock"
    lock.write_text("results/demo_table.csv\n")
    return lock


def test_the_locks_of_a_killed_run_are_removed(tmp_path):
    lock = left_over(tmp_path)
    with hold_alive(tmp_path):
        assert not lock.exists()


def test_the_locks_of_a_living_run_stay_until_it_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        lock = left_over(tmp_path)
        for _ in range(2):  # the second beside the first, and another one after it
            with hold_alive(tmp_path):
                assert lock.exists()
    finally:
        process.kill()
        process.communicate()
    with hold_alive(tmp_path):
        assert not lock.exists()


def test_a_new_folder_is_made(tmp_path):
    with hold_alive(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder" / ALIVE).exists()


def test_where_there_are_no_locks_a_warning_takes_their_place(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert hold_alive(tmp_path) is None
    with (tmp_path / "lock").open("w") as lock:
        wait_for_lock(lock, "runs/a")
    assert "no file locks for runs/a" in caplog.text
