"""What is run again, and what is not."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import Project, new_project

pytestmark = pytest.mark.workflow

TRAINING = {"stage1", "stage2"}
AFTER_TRAINING = {"bundle", "dub", "score", "attention", "alignment", "table", "report"}


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.folder / file
    text = path.read_text()
    assert old in text, f"{file} has changed: adapt this test"
    path.write_text(text.replace(old, new, 1))


def change_code(project: Project, file: str) -> None:
    with (project.folder / file).open("a") as module:
        module.write("\n\nCHANGED = True\n")


def test_nothing_is_to_be_done_after_a_finished_run(finished):
    assert finished.planned() == {}


def test_editing_comments_and_docstrings_reruns_nothing(project):
    edit(project, "dubber/model/denoiser.py", '"""', '"""Another word. ')
    for file in ("dubber/media/video.py", "dubber/train/loop.py", "workflow_scripts/crops.py"):
        with (project.folder / file).open("a") as module:
            module.write("# a comment\n")
    assert project.planned() == {}


def test_other_file_times_rerun_nothing(project):
    for folder in ("dubber", "workflow_scripts"):
        for path in (project.folder / folder).rglob("*.py"):
            path.touch()
    assert project.planned() == {}


def test_editing_the_denoiser_retrains_and_redoes_what_follows(project):
    change_code(project, "dubber/model/denoiser.py")
    assert set(project.planned()) == TRAINING | AFTER_TRAINING


def test_editing_the_face_tracker_does_not_touch_the_sound(project):
    change_code(project, "dubber/media/faces.py")
    planned = project.planned()
    assert {"crops", "features", "fit_features", "stage2"} <= set(planned)
    assert not set(planned) & {"audio", "align", "render_demo"}


def test_changing_a_metrics_option_retrains_nothing(project):
    edit(project, "micro.yaml", "floor: 60", "floor: 70")
    assert set(project.planned()) == {"score", "table", "report"}


def test_changing_the_intervals_only_makes_the_table_again(project):
    edit(project, "micro.yaml", "players: 1", "bootstrap: {samples: 500}, players: 1")
    assert set(project.planned()) == {"table", "alignment", "report"}


def test_changing_stage_2_keeps_stage_1(project):
    edit(project, "micro.yaml", "stage2: {steps: 6", "stage2: {steps: 7")
    assert set(project.planned()) == {"stage2"} | AFTER_TRAINING


def test_another_licence_retrains_nothing(project):
    edit(project, "micro.yaml", "reader: demo", 'licence: "mine"\n    reader: demo')
    assert set(project.planned()) == {"bundle", "report"}


def test_how_often_a_checkpoint_is_written_changes_nothing(project):
    edit(project, "micro.yaml", "checkpoint_every: 2", "checkpoint_every: 3")
    assert project.planned() == {}


def test_adding_clips_makes_one_shard(project):
    before = pq.read_table(project.folder / "work/micro/manifest.parquet").to_pylist()
    edit(project, "micro.yaml", "clips_per_speaker: 6", "clips_per_speaker: 7")
    planned = project.planned()
    for step in ("render_demo", "audio", "crops", "align", "analyse", "durations", "tokens", "features"):
        assert planned[step] == 1, f"{step} runs for the new shard alone"
    assert not set(planned) & {"fit_codec", "fit_features"}, "what was fitted stays, or every token would change"
    project.snakemake("work/micro/audio/0002.parquet")
    after = pq.read_table(project.folder / "work/micro/manifest.parquet").to_pylist()
    shards = {row["clip"]: row["shard"] for row in after}
    assert len(after) == len(before) + 2
    assert all(shards[row["clip"]] == row["shard"] for row in before), "a clip never changes its shard"


def test_what_changed_beside_the_corpus_is_seen_as_well(project):
    edit(project, "micro.yaml", "clips_per_speaker: 6", "clips_per_speaker: 7")
    edit(project, "micro.yaml", "players: 1", "bootstrap: {samples: 500}, players: 1")
    assert {"render_demo", "alignment", "table", "report"} <= set(project.planned())


def files(project: Project) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file but Snakemake's own and compiled Python."""
    paths = (path for path in project.folder.rglob("*") if path.is_file())
    own = (path for path in paths if not {".snakemake", "__pycache__"} & set(path.parts))
    return {path.as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in own}


def test_planning_writes_nothing_in_a_fresh_project(tmp_path):
    fresh = new_project(tmp_path / "project")
    before = files(fresh)
    assert fresh.planned()["render_demo"] == 2
    assert files(fresh) == before


@pytest.mark.parametrize("clips", [6, 7])
def test_planning_writes_nothing_in_a_finished_project(project, clips):
    edit(project, "micro.yaml", "clips_per_speaker: 6", f"clips_per_speaker: {clips}")
    before = files(project)
    assert bool(project.planned()) == (clips != 6)
    assert files(project) == before


def test_a_lost_table_is_made_from_the_scores(project):
    (project.folder / "results/micro_table.csv").unlink()
    assert set(project.planned()) == {"table", "report"}


def test_a_finished_training_is_not_trained_again(project):
    run = project.folder / "runs/micro/full"
    fingerprint = json.loads((run / "summary.json").read_text())["fingerprint"]
    metrics = run / fingerprint / "metrics.jsonl"
    weights, lines = (run / "model.safetensors").read_bytes(), metrics.read_text()
    (run / "model.safetensors").unlink()
    project.snakemake("runs/micro/full/model.safetensors")
    assert metrics.read_text() == lines
    assert (run / "model.safetensors").read_bytes() == weights
