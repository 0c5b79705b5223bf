"""The paper's other tables: an ablation alone, evaluations, prosody, another system beside ours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dubber.media.audio import from_pcm, write_wav
from tests.workflow.conftest import Project

pytestmark = pytest.mark.workflow


def read(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / f"results/{name}.csv", dtype={"protocol": str})


def test_one_ablation_trains_itself_alone(finished):
    planned = finished.planned("results/micro_no_ctc.csv")
    assert planned == {"stage2": 1, "dub": 4, "score": 4, "table": 1}


def test_all_ablations_are_table_3(finished):
    planned = finished.planned("results/micro_ablations.csv")
    assert planned["stage2"] == 8 and planned["table"] == 1
    assert "stage1" not in planned, "the teacher is there, and the full system too"


def test_one_command_makes_every_table_of_the_paper(finished):
    planned = finished.planned("results/micro/paper.html")
    assert (planned["table"], planned["compare"], planned["plot"], planned["paper"]) == (3, 2, 2, 1)
    assert planned["stage2"] == 8 and "stage1" not in planned


def test_an_ablation_without_pretraining_waits_for_no_teacher(finished, project):
    (project.folder / "runs/micro/stage1/model.safetensors").unlink()
    project.snakemake("results/micro_no_pretraining.csv")
    assert read(project, "micro_no_pretraining").system.tolist() == ["no_pretraining"] * 2
    assert not (project.folder / "runs/micro/stage1/model.safetensors").exists()
    assert project.planned("results/micro_no_ctc.csv")["stage1"] == 1


def test_another_seed_is_another_row_and_the_teacher_stays(finished, project):
    text = (project.folder / "micro.yaml").read_text()
    (project.folder / "micro.yaml").write_text(text.replace("    nfe: [1, 4]\n", "    nfe: [1, 4]\n    seeds: [7]\n"))
    planned = project.planned("results/micro_table.csv")
    assert planned == {"stage2": 1, "dub": 4, "score": 4, "table": 1}


def test_controls_are_a_table_and_the_report_shows_it(project):
    text = (project.folder / "micro.yaml").read_text()
    (project.folder / "micro.yaml").write_text(
        text.replace("    nfe: [1, 4]\n", "    nfe: [1, 4]\n    controls: true\n")
    )
    project.snakemake("results/micro_controls.csv")
    controls = read(project, "micro_controls").set_index("system")
    assert set(controls.protocol) == {"1.0"} and (controls.n_ok + controls.n_failed == 2).all()
    swaps = ["other_video", "other_voice", "other_text"]
    assert set(controls.index) == {"ground_truth", "codec", "full", "shifted", "same_voice", "text_only", *swaps}
    assert (controls.fingerprint[swaps] == controls.fingerprint.full).all()
    assert controls.fingerprint.text_only not in ("", controls.fingerprint.full)
    assert controls["AVSync-emb"].shifted < controls["AVSync-emb"].ground_truth == pytest.approx(1)
    assert controls.SECS.shifted > 95 > controls.SECS.other_voice
    assert controls.SECS.other_voice < controls.SECS.same_voice < 100
    assert controls.RTF[["text_only", *swaps]].notna().all() and pd.isna(controls.RTF.shifted)
    assert set(project.planned("results/micro/report.html")) == {"report"}, "a report with the controls"


def test_boundaries_of_the_video_are_held_against_the_aligners(finished):
    ours, even = read(finished, "micro/alignment").to_dict("records")
    assert (ours["system"], even["system"]) == ("full", "evenly_spread")
    assert (ours["n_ok"], ours["n_failed"]) == (2, 0) and ours["error_ms"] > 0
    page = (finished.folder / "results/micro/report.html").read_text()
    assert f"are {ours['error_ms']:.0f} (" in page


def add_external_system(project: Project) -> list[str]:
    """Another system that says what the recordings say, and has nothing for one clip."""
    folder = project.folder / "data/theirs"
    folder.mkdir(parents=True)
    rows = [
        row
        for path in sorted((project.folder / "results/micro/dubs/ground_truth/any").glob("????.parquet"))
        for row in pq.read_table(path, columns=["clip", "samples"]).to_pylist()
    ]
    for row in rows[1:]:
        write_wav(folder / f"{row['clip']}.wav", from_pcm(np.array(row["samples"])), 16_000)
    text = (project.folder / "micro.yaml").read_text()
    edited = text.replace("    nfe: [1, 4]\n", "    nfe: [1, 4]\n    external: {theirs: {folder: data/theirs}}\n")
    (project.folder / "micro.yaml").write_text(edited)
    return [row["clip"] for row in rows]


def test_tables_4_and_5_and_a_system_of_others(project):
    clips = add_external_system(project)
    tables = ["results/micro_table.csv", "results/micro_nfe.csv", "results/micro_prosody.csv"]
    project.snakemake(*tables, "results/micro/comparisons/table.csv", "results/micro_nfe.png")

    nfe = read(project, "micro_nfe")
    assert nfe.system.tolist() == ["nfe_1", "nfe_4"]
    assert (nfe.parameters > 1e6).all() and (nfe.RTF > 0).all()
    assert all((project.folder / f"results/micro_nfe.{kind}").stat().st_size for kind in ("svg", "pdf", "png"))

    prosody = read(project, "micro_prosody")
    assert {"GPE", "VDE", "FFE"} <= set(prosody.columns) and "WER" not in prosody
    assert set(prosody.protocol) == {"2.0"}

    theirs = read(project, "micro_table").set_index(["system", "protocol"]).loc[("theirs", "1.0")]
    assert (theirs.n_ok, theirs.n_failed) == (len(clips) - 1, 1)
    assert pytest.approx(100, abs=0.01) == theirs.SECS
    assert pd.isna(theirs.fingerprint) and pd.isna(theirs.parameters)
    compared = read(project, "micro/comparisons/table").set_index(["system", "protocol", "metric"])
    assert compared.loc[("theirs", "1.0", "SECS"), "difference"] > 0
