"""Two jobs never share a GPU by accident on one machine."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from dubber import gpus
from dubber.errors import ConfigError
from tests.conftest import ROOT
from tests.helpers.gpu_jobs import CARDS, become_another_program, compute
from tests.helpers.workflow import resource, rules

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.helpers.gpu_jobs"])
PATIENCE = 60.0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with two cards; its folder of locks."""
    for name in (gpus.VISIBLE, gpus.SHARE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpus, "visible_cards", lambda: CARDS)
    monkeypatch.setattr(gpus, "POLL", 0.02)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    yield tmp_path
    for lock in open_files() - before:
        if str(tmp_path) in os.path.realpath(f"/proc/self/fd/{lock}"):
            os.close(lock)
    os.environ.pop(gpus.VISIBLE, None)


def open_files() -> set[int]:
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


def is_free(machine: Path, uuid: str) -> bool:
    """Whether nobody holds the lock of a card."""
    lock = FileLock(machine / f"dubber-gpu-{uuid}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True


def start(target, *arguments) -> multiprocessing.Process:
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    return process


def wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.01)


def test_jobs_that_are_started_at_once_take_turns_on_the_cards(machine):
    """Five jobs for one card and one for both, on two cards: no card ever computes for two of them."""
    counts = [1, 1, 2, 1, 1, 1]
    jobs = [start(compute, machine, f"job{i}", count, 0.2) for i, count in enumerate(counts)]
    for job in jobs:
        job.join(PATIENCE)
        assert job.exitcode == 0
    records = [json.loads((machine / f"job{i}.json").read_text()) for i in range(len(counts))]
    assert [len(record["cards"]) for record in records] == counts
    for one, other in itertools.combinations(records, 2):
        apart = one["end"] <= other["start"] or other["end"] <= one["start"]
        assert apart or not set(one["cards"]) & set(other["cards"]), records
    assert {card for record in records for card in record["cards"]} == {"0", "1"}, "an idle card is used"


def test_a_job_that_is_killed_gives_its_card_back(machine):
    jobs = [start(compute, machine, f"long{i}", 1, PATIENCE) for i in range(2)]
    for i in range(2):
        wait_for(machine / f"long{i}.started")
    waiting = start(compute, machine, "waiting", 1, 0.0)
    time.sleep(0.3)
    assert not (machine / "waiting.started").exists()
    jobs[0].kill()
    waiting.join(PATIENCE)
    assert waiting.exitcode == 0
    jobs[1].kill()


def test_a_card_stays_taken_by_the_program_that_takes_the_place_of_the_job(machine):
    job = start(become_another_program, machine, PATIENCE)
    wait_for(machine / "other.started")
    assert not is_free(machine, "card-a")
    job.kill()
    job.join(PATIENCE)
    gpus.lease_gpus(2)
    assert os.environ[gpus.VISIBLE] == "0,1"


def test_a_device_that_is_named_is_leased_and_the_others_stay_in_sight(machine):
    gpus.lease_gpus(1, "cuda:1")
    assert is_free(machine, "card-a") and not is_free(machine, "card-b")
    assert gpus.VISIBLE not in os.environ, "or cuda:1 would no longer exist"


@pytest.mark.parametrize(("count", "device"), [(3, "auto"), (1, "cuda:2"), (2, "cuda:0")])
def test_fewer_cards_than_are_needed_are_an_error(machine, count, device):
    with pytest.raises(ConfigError, match=rf"needs {count} GPU.*\n.*{device}.*\n.*processes"):
        gpus.lease_gpus(count, device)


def test_a_job_on_the_cpu_leases_nothing(machine):
    gpus.lease_gpus(4, "cpu")
    assert gpus.VISIBLE not in os.environ and not list(machine.iterdir())


def test_a_person_can_let_jobs_share_cards(machine, monkeypatch):
    monkeypatch.setenv(gpus.SHARE, "1")
    gpus.lease_gpus(3)
    assert gpus.VISIBLE not in os.environ and not list(machine.iterdir())


def test_cards_have_the_names_that_this_process_is_shown(monkeypatch):
    """CUDA hides what comes after the first -1, and counts what is left."""
    uuids = {None: "a b", "1,0": "b a", "0,-1,1": "a", "GPU-b": "b"}
    monkeypatch.setattr("torch.version.cuda", "12.8")
    for visible, listed in uuids.items():
        monkeypatch.setattr(gpus, "_LIST", f"print({listed!r})")
        monkeypatch.setenv(gpus.VISIBLE, visible) if visible else monkeypatch.delenv(gpus.VISIBLE, raising=False)
        names = (visible or "0,1").split(",")
        assert gpus.visible_cards() == dict(zip(names, listed.split(), strict=False))


def test_every_rule_that_asks_for_a_gpu_leases_it():
    asking = [rule for rule in rules().values() if resource(rule, "gpu")]
    steps = {re.search(r"workflow_scripts/(\w+)\.py", rule.shellcmd)[1] for rule in asking}
    assert steps == {"stage1", "stage2", "dub", "control", "text_only"}
    for step in steps:
        text = (ROOT / f"dubber/steps/{step}.py").read_text()
        assert "run.on(" in text or "speaking.prepare()" in text, step
