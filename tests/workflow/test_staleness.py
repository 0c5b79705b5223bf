"""What is run again, and what is not."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import Project

pytestmark = pytest.mark.workflow

TRAINING = {"stage1", "stage2"}


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.folder / file
    text = path.read_text()
    assert old in text, f"{file} has changed: adapt this test"
    path.write_text(text.replace(old, new, 1))


def test_nothing_is_to_be_done_after_a_finished_run(finished):
    assert finished.planned() == {}


def test_editing_a_comment_or_a_docstring_reruns_nothing(project):
    edit(project, "dubber/model/denoiser.py", '"""The denoiser', '"""Another word for the denoiser')
    with (project.folder / "dubber/media/video.py").open("a") as module:
        module.write("# a comment\n")
    assert project.planned() == {}


def test_editing_the_denoiser_retrains_and_redoes_what_follows(project):
    with (project.folder / "dubber/model/denoiser.py").open("a") as module:
        module.write("\n\nCHANGED = True\n")
    planned = project.planned()
    assert set(planned) >= TRAINING | {"dub", "score", "table", "report"}
    assert not set(planned) & {"crops", "align", "tokens", "features", "fit_codec", "resynthesise", "ground_truth"}


def test_editing_the_face_tracker_does_not_touch_the_audio(project):
    with (project.folder / "dubber/media/faces.py").open("a") as module:
        module.write("\n\nCHANGED = True\n")
    planned = project.planned()
    assert {"crops", "features", "stage2"} <= set(planned)
    assert not set(planned) & {"audio", "align", "analyse"}


def test_changing_a_metrics_option_rescoring_only(project):
    edit(project, "micro.yaml", "floor: 60", "floor: 70")
    planned = project.planned()
    assert "score" in planned
    assert set(planned) <= {"score", "table", "report", "all"}


def test_changing_the_length_of_training_keeps_the_data(project):
    edit(project, "micro.yaml", "steps: 6  # stage 2", "steps: 7")
    planned = project.planned()
    assert "stage2" in planned
    assert not set(planned) & {"stage1", "tokens", "crops", "features", "align", "matrix"}


def test_adding_clips_redoes_one_shard(project):
    before = pq.read_table(project.folder / "work/micro/manifest.parquet").to_pylist()
    edit(project, "micro.yaml", "clips_per_speaker: 6", "clips_per_speaker: 7")
    planned = project.planned("work/micro/align/pocketsphinx/0000.parquet", *shards_of(project, "crops"))
    assert planned.get("crops", 0) <= 1
    after = pq.read_table(project.folder / "work/micro/manifest.parquet").to_pylist()
    kept = {row["clip"]: row["shard"] for row in after}
    assert all(kept[row["clip"]] == row["shard"] for row in before), "a clip never changes its shard"


def shards_of(project: Project, step: str) -> list[str]:
    return sorted(
        path.relative_to(project.folder).as_posix()
        for path in (project.folder / "work/micro" / step).glob("????.parquet")
    )


def test_a_lost_file_is_made_again_with_what_follows_only(project):
    (project.folder / shards_of(project, "align/pocketsphinx")[0] if False else project.folder / "results/micro_table.csv").unlink()
    assert set(project.planned()) == {"table", "report"}


def test_a_checkout_with_other_file_times_reruns_nothing(project):
    for path in (project.folder / "dubber").rglob("*.py"):
        path.touch()
    for path in (project.folder / "workflow_scripts").glob("*.py"):
        path.touch()
    assert project.planned() == {}


def test_a_finished_training_is_not_trained_again(project):
    """The model is gone but the run directory stands: it is exported from the last checkpoint, not retrained."""
    summary = project.folder / "runs/micro/full/summary.json"
    fingerprint = json.loads(summary.read_text())["fingerprint"]
    metrics = project.folder / "runs/micro/full" / fingerprint / "metrics.jsonl"
    lines = metrics.read_text()
    (project.folder / "runs/micro/full/model.safetensors").unlink()
    project.snakemake("runs/micro/full/model.safetensors")
    assert metrics.read_text() == lines
    shutil.rmtree(project.folder)
