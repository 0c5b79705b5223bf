"""Locks die with the process that holds them."""

from __future__ import annotations

import subprocess
import sys

from dubber.locks import ALIVE, hold_alive

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
