"""A run that was stopped, in whatever way, ends with the weights of one that was not."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dubber.train.checkpoint import Checkpoints
from dubber.train.signals import EXIT_CODE, Stopped
from tests.resume.tiny_run import KILLS, assert_same_weights, interfere, run_folder, train, train_disturbed

# Children are forked from a server that has imported everything and started nothing.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.resume.tiny_run"])


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (minus the signal that killed it) and its log."""

    code: int
    log: str


def disturbed(folder: Path, stage: str, disturbance: str, step: int) -> Ended:
    """Train in a process of its own that meets with something at the checkpoint of `step`."""
    log = folder / "log"
    process = PROCESSES.Process(target=train_disturbed, args=(folder, stage, disturbance, step, log))
    process.start()
    process.join(timeout=120)
    return Ended(process.exitcode, log.read_text())


def assert_same_run(model: Path, undisturbed: Path) -> None:
    """Weights and losses are those of the student that nothing disturbed, bit for bit."""
    whole = undisturbed / "runs" / "stage2" / "model.safetensors"
    assert_same_weights(model, whole)
    assert metrics(run_folder(model)) == metrics(run_folder(whole))


def metrics(folder: Path) -> list[dict]:
    """The log's lines without the times, which no two runs share."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("tokens_per_s", "seconds_left")} for line in lines]


@pytest.mark.parametrize(
    ("disturbance", "code"), [("terminate", EXIT_CODE), ("kill after", -9), *((kill, -9) for kill in KILLS)]
)
def test_a_student_that_was_stopped_ends_bit_for_bit_the_same(corpus, undisturbed, disturbance, code):
    stopped = disturbed(corpus, "stage2", disturbance, step=12 if "old one" in disturbance else 8)
    assert stopped.code == code, stopped.log
    assert not (corpus / "runs" / "stage2" / "model.safetensors").exists()
    assert_same_run(train(corpus, "stage2"), undisturbed)


def test_a_full_disk_is_said_and_costs_nothing_but_time(corpus, undisturbed):
    stopped = disturbed(corpus, "stage2", "full disk", step=8)
    assert stopped.code == 1
    assert "The checkpoint of step 8 cannot be written" in stopped.log
    assert "resumes from step-000000004" in stopped.log and "Traceback" not in stopped.log
    (run,) = (path.parent for path in (corpus / "runs" / "stage2").glob("*/config.json"))
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000000004"]
    assert_same_run(train(corpus, "stage2"), undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for the corpus and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can make a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_really_full_loses_no_checkpoint(corpus, undisturbed, small_disk):
    """The disk fills during the training; a file of the right size leaves room for half a checkpoint."""
    folder = small_disk / "copy"
    shutil.copytree(corpus, folder)
    train(folder, "stage2", steps=12, run="measure")
    (one,) = (folder / "runs" / "measure").glob("*/checkpoints/step-000000012")
    checkpoint = sum(file.stat().st_size for file in one.iterdir())
    shutil.rmtree(folder / "runs" / "measure")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - int(1.7 * checkpoint)))
    stopped = disturbed(folder, "stage2", "nothing", step=8)
    assert stopped.code == 1 and "No space left" in stopped.log and "Traceback" not in stopped.log
    (run,) = (path.parent for path in (folder / "runs" / "stage2").glob("*/config.json"))
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000000004"]
    filler.unlink()
    assert_same_run(train(folder, "stage2"), undisturbed)


def test_a_finished_run_is_exported_again_but_not_trained(undisturbed, corpus, monkeypatch):
    model = corpus / "runs" / "stage1" / "model.safetensors"
    log = (run_folder(model) / "metrics.jsonl").read_bytes()
    train(corpus)
    summary = (model.parent / "summary.json").read_text()
    model.unlink()
    monkeypatch.setattr("torch.optim.AdamW.step", lambda *_: pytest.fail("an optimiser moved"))
    assert_same_weights(train(corpus), undisturbed / "runs" / "stage1" / "model.safetensors")
    assert (run_folder(model) / "metrics.jsonl").read_bytes() == log
    assert (model.parent / "summary.json").read_text() == summary


def test_another_setting_makes_another_directory_and_is_named(corpus, caplog):
    before = run_folder(corpus / "runs" / "stage1" / "model.safetensors")
    caplog.set_level("INFO")
    model = train(corpus, lr=1e-3)
    assert run_folder(model) != before and before.exists()
    changed = [record.getMessage() for record in caplog.records if "differs" in record.getMessage()]
    assert changed == ["a new run directory, because this differs from the last: settings.train.lr: 0.003 -> 0.001"]


def test_what_does_not_reach_the_weights_may_change_on_the_way(corpus, undisturbed, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", Checkpoints.save)  # so that it is set back
        interfere("terminate", step=4)
        with pytest.raises(Stopped):
            train(corpus, "stage2")
    model = train(corpus, "stage2", checkpoint_every=1, log_every=1, validate_every=3, keep_checkpoints=1)
    assert_same_weights(model, undisturbed / "runs" / "stage2" / "model.safetensors")
    assert len(list((run_folder(model) / "checkpoints").iterdir())) == 1


def test_what_auto_chose_is_part_of_the_runs_identity(corpus):
    model = train(corpus, run="auto", precision="auto", steps=1)
    stored = json.loads((run_folder(model) / "config.json").read_text())["settings"]["train"]["precision"]
    assert stored == json.loads((model.parent / "summary.json").read_text())["precision"] != "auto"


def test_the_same_seed_gives_the_same_run_and_another_seed_another(corpus, undisturbed):
    first = summary(undisturbed / "runs" / "stage1")
    again, other = (summary(train(corpus, run=f"seed{seed}", seed=seed).parent) for seed in (0, 1))
    assert first["weights"] == again["weights"] != other["weights"]
    assert (again["seed"], other["seed"]) == (0, 1), "the report shows them, with the digest of the weights"


def summary(run: Path) -> dict:
    return json.loads((run / "summary.json").read_text())


def test_another_teacher_makes_another_student(corpus):
    first = run_folder(train(corpus, "stage2"))
    train(corpus, "stage1", seed=1)
    assert run_folder(train(corpus, "stage2")) != first


def test_a_student_without_pretraining_needs_no_teacher(corpus):
    (corpus / "runs" / "stage1" / "model.safetensors").unlink()
    model = train(corpus, "stage2", "no_pretraining", {"pretraining": False, "distillation": False}, steps=4)
    assert "teacher" not in json.loads((run_folder(model) / "config.json").read_text())


def test_the_same_run_is_not_trained_twice_at_once(corpus, caplog):
    """The second waits for the end of the first, and then finds it finished."""
    model = corpus / "runs" / "stage1" / "model.safetensors"
    run = run_folder(model)
    lines = (run / "metrics.jsonl").read_text()
    with (run / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.5, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        train(corpus)
    assert "another process holds" in caplog.text
    assert (run / "metrics.jsonl").read_text() == lines
