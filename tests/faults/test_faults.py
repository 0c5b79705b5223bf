"""After each fault, the same command ends with the same results as a run that was left alone."""

from __future__ import annotations

import csv
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dubber.media.video import write_video
from tests.faults.conftest import (
    SCORES,
    TABLE,
    assert_as_undisturbed,
    forget_scores,
    kill,
    processes,
    snakemake,
    start,
)
from tests.workflow.conftest import Project, wait_for

pytestmark = pytest.mark.faults


def the_same_command(project: Project, finished: Project) -> None:
    again = snakemake(project)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert_as_undisturbed(project, finished)


def failed(run, *said: str) -> None:
    """It stopped, and said why."""
    text = run.stdout + (run.stderr or "")
    assert run.returncode != 0
    assert all(words in text for words in said), text[-4000:]


def test_snakemake_is_killed(project, finished):
    """Alone: the job that it had started runs on, and ends by itself. Snakemake asks for `--unlock`, once."""
    forget_scores(project)
    run = start(project)
    wait_for(lambda: processes(project, "score.py"))
    kill(run.pid)
    run.wait()
    failed(snakemake(project), "Directory cannot be locked", "--unlock")
    assert snakemake(project, "--unlock").returncode == 0
    the_same_command(project, finished)
    wait_for(lambda: not processes(project, "score.py"))
    assert_as_undisturbed(project, finished)


def test_a_worker_is_killed(project, finished):
    forget_scores(project)
    run = start(project)
    kill(wait_for(lambda: processes(project, "score.py"))[0])
    text = run.communicate()[0]
    assert run.returncode != 0
    assert "Error in rule score" in text
    assert not (project.folder / TABLE).exists()
    the_same_command(project, finished)


def test_a_worker_dies_in_the_middle_of_a_parquet_file(project, finished):
    forget_scores(project)
    failed(snakemake(project, fault="half-parquet:0000.parquet"), "Error in rule score")
    assert (project.folder / "fault.done").exists()
    assert not (project.folder / SCORES / "0000.parquet").exists(), "a half-written file stands for a whole one"
    the_same_command(project, finished)


def test_training_dies_in_the_middle_of_a_checkpoint(project, finished):
    """The second checkpoint is half written: the next attempt resumes from the first, to the same weights."""
    run = project.folder / "runs/micro/full"
    expected = (run / "model.safetensors").read_bytes()
    shutil.rmtree(run)
    model = "runs/micro/full/model.safetensors"
    died = snakemake(project, model, fault="half-checkpoint:step-000000004")
    text = died.stdout + died.stderr
    assert died.returncode == 0, text[-3000:]
    assert (project.folder / "fault.done").exists()
    assert "Error in rule stage2" in text
    assert "resumes from step 2" in text
    assert (run / "model.safetensors").read_bytes() == expected


def test_the_disk_is_full(project, finished, small_disk):
    forget_scores(project)
    used = sum(path.stat().st_blocks for path in (project.folder / "results").rglob("*")) * 512
    small_disk(f"size={used + 4096}")
    failed(snakemake(project), "No space left on device", "Make room and run the same command again")
    assert not (project.folder / TABLE).exists()
    small_disk("size=64m")
    the_same_command(project, finished)


def test_the_results_cannot_be_written(project, finished, small_disk):
    forget_scores(project)
    small_disk("ro")
    failed(snakemake(project), "Read-only file system")
    small_disk("rw")
    the_same_command(project, finished)


def test_an_artifact_is_cut_short(project, finished):
    """Whoever needs it says so and sets it aside; the same command makes it anew."""
    forget_scores(project)
    dubs = project.folder / "results/micro/dubs/full/1.0/0000.parquet"
    os.truncate(dubs, dubs.stat().st_size // 2)
    failed(snakemake(project), "An artifact cannot be read", str(dubs.relative_to(project.folder)), "renamed")
    the_same_command(project, finished)


def test_two_snakemakes_at_once(project, finished):
    """The second one stops at once; the first does not notice."""
    forget_scores(project)
    first = start(project)
    wait_for(lambda: processes(project, "score.py"))
    failed(snakemake(project), "lock")
    text = first.communicate()[0]
    assert first.returncode == 0, text[-3000:]
    the_same_command(project, finished)


def test_the_clock_jumps(project, finished):
    """Back and forth while a job runs; and some files are of tomorrow, others of 1980.

    Snakemake stops at a file of tomorrow and names it; dated from now, it is a file like any other.
    """
    forget_scores(project)
    for i, path in enumerate(sorted(path for path in (project.folder / "results").rglob("*") if path.is_file())):
        moment = time.time() + 86_400 if i % 2 else 315_532_800
        os.utime(path, (moment, moment))
    jumped = snakemake(project, fault="clock:score.py")
    failed(jumped, "has older modification time", "clock skew", "results/micro/dubs/")
    assert (project.folder / "fault.done").exists()
    assert not (project.folder / TABLE).exists()
    for path in (project.folder / "results").rglob("*"):
        if path.stat().st_mtime > time.time():
            path.touch()
    the_same_command(project, finished)
    assert project.planned(TABLE) == {}, "nothing is left to do"


def recordings(project: Project) -> list[Path]:
    return sorted((project.folder / "work/micro/media").rglob("*.mp4"))


def use_table(project: Project, clips: list[tuple[str, str, str]]) -> Path:
    """A corpus of one's own in the place of the embedded one: clip, text, split; -> its folder."""
    folder = project.folder / "data/mine"
    folder.mkdir(parents=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("clip", "speaker", "text", "video", "split"), *((c, "v1", text, f"{c}.mp4", s) for c, text, s in clips)]
        )
    configuration = (project.folder / "micro.yaml").read_text()
    mine = "corpora:\n  mine: {reader: table, roots: [mine], shard_size: 2}\n"
    (project.folder / "micro.yaml").write_text(configuration.replace("corpora:\n", mine, 1))
    return folder


def test_a_clip_vanishes_between_the_manifest_and_its_shard(project):
    sources, target = recordings(project)[:2], "work/mine/audio/0000.parquet"
    folder = use_table(project, [("a", "bin blue", "train"), ("b", "bin blue", "train")])
    for source, name in zip(sources, "ab", strict=True):
        shutil.copy(source, folder / f"{name}.mp4")
    away = project.folder / "away.mp4"
    shutil.copy2(folder / "a.mp4", away)
    command = (target, "--config", "max_failed_share=0.5")
    vanished = snakemake(project, *command, fault=f"vanish:{folder / 'a.mp4'}")
    failed(vanished, "Clip a has vanished since the corpus was listed", "Run the same command again")
    assert not (project.folder / target).exists()
    without = snakemake(project, *command)
    assert without.returncode == 0, without.stdout[-3000:]
    assert pq.read_table(project.folder / target)["clip"].to_pylist() == ["b"]
    shutil.copy2(away, folder / "a.mp4")
    assert snakemake(project, *command).returncode == 0
    assert pq.read_table(project.folder / target)["clip"].to_pylist() == ["a", "b"]


def test_a_shard_of_nothing_but_bad_clips(project):
    """It is an error unless the configuration says that so many may fail; then the others go on without it."""
    steps = [f"work/mine/{step}/{shard}.parquet" for step in ("audio", "crops") for shard in ("0000", "0001")]
    steps += [f"work/mine/durations/pocketsphinx/{shard}.parquet" for shard in ("0000", "0001")]
    names = [(name, "bin blue at F two now", "train") for name in ("a", "b", "y", "z")]
    folder = use_table(project, names)
    for name, source in zip("ab", recordings(project), strict=False):
        shutil.copy(source, folder / f"{name}.mp4")
    write_video(folder / "y.mp4", [np.full((64, 64, 3), 128, np.uint8)] * 25, 25, None, 16000)
    (folder / "z.mp4").write_bytes(b"no video at all")
    failed(snakemake(project, *steps), "2 of 2 clips failed", "max_failed_share")
    again = snakemake(project, *steps, "--config", "max_failed_share=1.0")
    assert again.returncode == 0, again.stdout[-3000:]
    rows = {name: pq.read_table(project.folder / f"work/mine/{name}.parquet").num_rows for name in shards()}
    assert rows == {name: 2 if name.endswith("0000") else 0 for name in shards()}
    failures = pd.read_parquet(project.folder / "work/mine/crops/0001.failures.parquet")
    assert set(failures["clip"]) == {"y", "z"}


def shards() -> list[str]:
    return [f"{step}/{shard}" for step in ("audio", "crops", "durations/pocketsphinx") for shard in ("0000", "0001")]
