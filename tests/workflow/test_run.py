"""The micro experiment's results, and what the workflow says when something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import defaultdict

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dubber import config
from dubber.corpus.corpora import Corpora
from dubber.dub.bundle import open_bundle
from tests.workflow.conftest import Project, new_project, wait_for

pytestmark = pytest.mark.workflow


def test_the_table_has_every_system_in_every_setting(finished):
    table = pd.read_csv(finished.folder / "results/micro_table.csv", dtype={"protocol": str})
    rows = set(zip(table.system, table.protocol, strict=True))
    assert rows == {(system, s) for system in ("ground_truth", "codec", "full") for s in ("1.0", "2.0")}
    truth = table[(table.system == "ground_truth") & (table.protocol == "1.0")].iloc[0]
    assert pytest.approx(100, abs=1e-3) == truth.SECS
    assert (table.n_ok + table.n_failed == 2).all()
    run = json.loads((finished.folder / "runs/micro/full/summary.json").read_text())
    assert set(table[table.system == "full"].fingerprint) == {run["fingerprint"]}


def test_a_run_can_be_opened_without_the_configuration(finished):
    bundle = open_bundle(finished.folder / "runs/micro/full")
    run = json.loads((finished.folder / "runs/micro/full/summary.json").read_text())
    assert (bundle.kind, bundle.exported) == ("dubbing", False)
    assert bundle.origin.training.fingerprint == bundle.description.fingerprint == run["fingerprint"]
    assert bundle.origin.teacher is not None and bundle.origin.teacher.steps == 6
    assert bundle.origin.corpora[0].used_for == ("stage 1", "stage 2", "codec", "features")


def test_the_report_stands_alone_and_plays(finished):
    page = (finished.folder / "results/micro/report.html").read_text()
    assert "data:video/mp4;base64," in page
    assert 'src="http' not in page and 'href="http' not in page


def test_durations_add_up_to_frames_and_tokens(finished):
    work = finished.folder / "work/micro"
    for path in sorted((work / "durations/pocketsphinx").glob("????.parquet")):
        frames = dict(pq.read_table(work / "crops" / path.name, columns=["clip", "n_frames"]).to_pandas().values)
        tokens = pq.read_table(work / "tokens/world_micro" / path.name, columns=["clip", "n_tokens"]).to_pandas()
        for row in pq.read_table(path).to_pylist():
            assert sum(row["frame_durations"]) == frames[row["clip"]] == 75
            assert sum(row["token_durations"]) == 240
        assert set(tokens.n_tokens) == {240}


def test_the_aligner_finds_the_phones_where_they_were_made(finished):
    """The demo corpus knows its exact phone times: the median word boundary error is small."""
    work, errors = finished.folder / "work/micro", []
    for path in sorted((work / "truth").glob("????.parquet")):
        truth = {row["clip"]: row for row in pq.read_table(path).to_pylist()}
        for row in pq.read_table(work / "align/pocketsphinx" / path.name).to_pylist():
            exact = truth[row["clip"]]["word_start"]
            assert len(exact) == len(row["word_start"])
            errors += [abs(a - b) for a, b in zip(exact, row["word_start"], strict=True)]
    assert pd.Series(errors).median() < 0.03


def test_an_unknown_key_is_refused_with_the_nearest_one(finished):
    out = finished.snakemake("-n", "--config", "data_rot=x", check=False)
    assert out.returncode != 0
    assert "did you mean 'data_root'?" in out.stdout + out.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/chem_table.csv", ["data/chem", "train.txt", "yt-dlp"]),
        ("results/grid_table.csv", ["data/grid", "downloads/grid.fetched"]),
    ],
)
def test_a_missing_corpus_says_what_to_put_where(finished, target, said):
    out = finished.snakemake("-n", target, check=False)
    text = out.stdout + out.stderr
    assert out.returncode != 0
    assert all(words in text for words in said), text
    assert "Traceback" not in text


def test_an_experiment_that_does_not_exist_is_named(finished):
    out = finished.snakemake("-n", "results/micr_table.csv", check=False)
    assert "did you mean 'micro'?" in out.stdout + out.stderr


def test_the_whole_of_grid_is_planned_in_few_jobs(tmp_path, monkeypatch):
    """33 speakers with 1,000 clips each, as empty files: planned once, then planned again from the manifest."""
    project = new_project(tmp_path / "project")
    names = [a + b + c + d + e + f for a in "bl" for b in "bg" for c in "ab" for d in "abcdefghijklm" for e in "12345"
             for f in "ap"][:1000]  # fmt: skip
    assert len(names) == 1000
    for speaker in [n for n in range(1, 35) if n != 21]:
        folder = project.folder / f"data/grid/s{speaker}"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.mpg").touch()
    jobs = project.planned("results/grid_table.csv")
    assert sum(jobs.values()) < 500, jobs
    assert not (project.folder / "work").exists()
    monkeypatch.chdir(project.folder)
    settings = config.read()
    corpora = Corpora(settings.corpora, settings.data_root)
    rows = corpora.manifest("grid").table.select(["speaker", "split"]).to_pandas()
    assert (rows[rows.split == "test"].groupby("speaker").size() == 100).all()
    corpora.save()
    assert project.planned("results/grid_table.csv") == jobs


def test_a_killed_run_goes_on_and_ends_the_same(finished, project):
    """SIGKILL in the middle of stage 2, then unlock and run again: the weights are those of the run left alone."""
    expected = (finished.folder / "runs/micro/full/model.safetensors").read_bytes()
    run = project.folder / "runs/micro/full"
    for path in [
        run / "model.safetensors",
        run / "summary.json",
        *run.glob("*/checkpoints/*/*"),
        *run.glob("*/*.json*"),
    ]:
        path.unlink()
    process = subprocess.Popen(
        project.command("runs/micro/full/model.safetensors"),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: any(run.glob("*/checkpoints/step-*/state.json")), seconds=120)
    subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "model.safetensors").exists()
    project.snakemake("--unlock")
    project.snakemake("runs/micro/full/model.safetensors")
    assert (run / "model.safetensors").read_bytes() == expected


def test_bad_clips_cost_themselves(finished, project: Project):
    """A clip without sound, one without a face, an empty file, nonsense text: each a failure row, the rest goes on."""
    from tests.workflow.bad_clips import add_bad_corpus

    expected = add_bad_corpus(project)
    shards = ["audio", "crops", "align/pocketsphinx"]
    project.snakemake(*[f"work/bad/{step}/0000.parquet" for step in shards])
    reasons = defaultdict(list)
    for step in shards:
        for row in pq.read_table(project.folder / f"work/bad/{step}/0000.failures.parquet").to_pylist():
            reasons[row["clip"]].append(row["reason"])
    for clip, words in expected.items():
        assert any(words in reason for reason in reasons[clip]), reasons
    aligned = pq.read_table(project.folder / "work/bad/align/pocketsphinx/0000.parquet").to_pandas()
    assert {"good_1", "good_2"} <= set(aligned["clip"])
