"""Several processes train what one would train."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dubber.errors import ConfigError
from dubber.train.batches import open_data
from dubber.train.launch import Launch, find_launch, relaunch
from dubber.train.sampler import LengthBuckets
from dubber.train.settings import StageSettings
from tests.resume.test_resume import metrics
from tests.resume.tiny_run import MODEL, STAGE, assert_same_weights, make_corpus, run_folder, run_settings, shards
from tests.resume.together_run import train_plain

PATIENCE = 300  # s, for machines that do other work meanwhile
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages, each trained by one process."""
    folder = tmp_path_factory.mktemp("alone")
    make_corpus(folder)
    for stage in ("stage1", "stage2"):
        train_plain(folder, stage, stage)
    return folder


def start(folder: Path, stage: str, run: str, **changes) -> subprocess.Popen:
    """Two processes under torchrun, with one thread each."""
    command = [*TORCHRUN, "-m", "tests.resume.together_run", folder, stage, run, json.dumps(changes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def train_together(folder: Path, stage: str, run: str, **changes) -> Path:
    process = start(folder, stage, run, **changes)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log
    return folder / "runs" / run / "model.safetensors"


def assert_same_curve(model: Path, expected: Path) -> None:
    """Every line of the log, validation after every fifth step included, within what the order of sums does."""
    one, other = metrics(run_folder(model)), metrics(run_folder(expected))
    assert [(line["step"], line["phase"]) for line in one] == [(line["step"], line["phase"]) for line in other]
    for name in ("loss", "terms", "grad_norm"):
        pairs = [(line[name], same[name]) for line, same in zip(one, other, strict=True) if name in line]
        for found, wanted in pairs:
            assert found == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("stage", "strategy"), [("stage1", "ddp"), ("stage2", "ddp"), ("stage2", "fsdp")])
def test_two_processes_learn_what_one_learns(alone, stage, strategy):
    model = train_together(alone, stage, f"{stage}_{strategy}", strategy=strategy)
    assert_same_curve(model, alone / "runs" / stage / "model.safetensors")
    summary = json.loads((model.parent / "summary.json").read_text())
    assert (summary["processes"], summary["strategy"]) == (2, strategy)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_that_were_stopped_go_on_bit_for_bit_and_one_can_take_over(alone, strategy):
    """With 40 steps, so that there is a time to stop them."""
    long = {"strategy": strategy, "steps": 40}
    whole = train_together(alone, "stage1", f"whole_{strategy}", **long)
    run = alone / "runs" / f"stopped_{strategy}"
    process = start(alone, "stage1", run.name, **long)
    _wait_for(run, process)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0 and "stopped at step" in log, log
    assert_same_weights(train_together(alone, "stage1", run.name, **long), whole)


def _wait_for(run: Path, process: subprocess.Popen) -> None:
    """Until its first checkpoint is there."""
    deadline = time.monotonic() + PATIENCE
    while not list(run.glob("*/checkpoints/step-*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_of_two_processes_is_gone_on_with_by_one(alone):
    """The losses stay those of one process; the dropout, here 0, would be another.

    At a low rate, since 40 steps at a high one amplify the rounding of sums in another order.
    """
    run, long = alone / "runs" / "handed_on", {"steps": 40, "lr": 1e-4}
    process = start(alone, "stage1", run.name, **long)
    _wait_for(run, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    model = train_plain(alone, "stage1", run.name, **long)
    assert_same_curve(model, train_plain(alone, "stage1", "never_stopped", **long))


def test_a_last_batch_of_validation_that_is_too_small_to_share_is_everyones(alone):
    """Four validation clips in batches of three: the last is one clip for two processes."""
    small = {"batch_size": 3, "steps": 5}
    model = train_together(alone, "stage1", "small", **small)
    assert_same_curve(model, train_plain(alone, "stage1", "small_alone", **small))


def test_more_processes_than_clips_in_a_batch_are_refused(alone):
    process = start(alone, "stage1", "too_many", batch_size=1)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "2 processes cannot share batches of 1 clips" in log


TORCHRUN_IN_SLURM = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "8"} | {
    **{"TORCHELASTIC_RUN_ID": "1", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"},
    **{"LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node1"},
}
SLURM_STEP = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2"}


@pytest.mark.parametrize(
    ("environment", "launch"),
    [
        ({}, None),
        ({"WORLD_SIZE": "2", "RANK": "0"}, None),
        (TORCHRUN_IN_SLURM, Launch("torchrun", nodes=2, per_node=4)),
        (TORCHRUN_IN_SLURM | {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, None),
        (SLURM_STEP, Launch("slurm", nodes=2, per_node=2)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": "job"}, None),
        (SLURM_STEP | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "4"}, None),
    ],
    ids=["alone", "half a torchrun", "torchrun in Slurm", "torchrun of one", "srun", "batch script", "srun -n1"],
)
def test_the_launcher_is_known_by_what_it_leaves_in_the_environment(environment, launch):
    assert find_launch(environment) == launch


def test_tasks_that_are_not_spread_evenly_are_refused():
    with pytest.raises(ConfigError, match="3 tasks"):
        find_launch(SLURM_STEP | {"SLURM_STEP_NUM_TASKS": "3"})


def test_a_process_starts_its_command_over_under_torchrun_once(monkeypatch):
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: commands.append(command))
    monkeypatch.setattr(sys, "argv", ["workflow_scripts/stage1.py", "--threads", "4"])
    relaunch(1)
    relaunch(3)
    assert len(commands) == 1 and commands[0][2:] == [
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=3",
        "workflow_scripts/stage1.py",
        "--threads",
        "4",
    ]


def test_the_workflows_script_starts_as_many_processes_as_are_set(alone):
    stage = StageSettings(**{**STAGE, "steps": 2, "processes": 2})
    run, root = alone / "runs" / "script", Path(__file__).parents[2]
    texts = {"settings": run_settings("stage1", stage).to_json(), "execution": stage.execution().model_dump_json()}
    texts |= {"code": "code", "threads": "2"}
    paths = {"model": run / "model.safetensors", "summary": run / "summary.json"}
    command = [sys.executable, root / "workflow_scripts" / "stage1.py"]
    for name, value in {**texts, **paths}.items():
        command += [f"--{name}", value]
    for name in ("tokens", "durations"):
        command += [f"--{name}", *shards(alone, name)]
    command += ["--manifests", alone / "manifest.parquet"]
    subprocess.run(command, check=True, timeout=PATIENCE, env={**os.environ, "PYTHONPATH": str(root)})
    assert json.loads(paths["summary"].read_text())["processes"] == 2


def test_each_clip_comes_once_an_epoch_over_all_processes(alone):
    packed = sorted((alone / "runs" / "data").glob("*.arrow"))
    data = open_data(packed[0], MODEL, 1600).train
    sampler = LengthBuckets(data.lengths, 4, 0)
    shares: list[list[str]] = [[], []]
    for step in range(sampler.batches_per_epoch):
        whole = data.batch(sampler.batch(step))
        for rank, share in enumerate(shares):
            part = whole.share(rank, 2)
            assert part.tokens.shape[1:] == whole.tokens.shape[1:]
            assert part.shortest == int(whole.token_mask.sum(1).min())
            share.extend(part.clips)
    assert sorted(shares[0] + shares[1]) == list(data.clips)
