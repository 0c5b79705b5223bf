"""From dubs to a listening test to its table, and what makes the table stale."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.helpers.running import listening

pytestmark = pytest.mark.workflow

TABLE = "results/micro_mos.csv"


def test_a_table_without_answers_names_the_command(finished):
    failed = finished.snakemake("-n", TABLE, check=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode and "dubber listen --experiment micro" in said and "Traceback" not in said


def test_from_dubs_to_the_table_of_the_listening_test(project):
    options = ("--configfile", "micro.yaml", "--samples", "2")
    with listening(project.folder, *options, experiment="micro", code=project.folder) as server:
        asked = server.ask("/trials?listener=ada")["trials"]
        assert len(asked) == 2 * 2 * len(("ground_truth", "codec", "full"))
        for trial in asked:
            server.answer("ada", trial, 5 if trial["question"] == "similarity" else 2)
        project.snakemake(TABLE)
        table = pd.read_csv(project.folder / TABLE, dtype={"protocol": str}).set_index(["metric", "system"])
        assert sorted(table.index) == [(m, s) for m in ("MOS-N", "MOS-S") for s in ("codec", "full", "ground_truth")]
        assert set(table.loc["MOS-S", "mean"]) == {5} and set(table.loc["MOS-N", "mean"]) == {2}
        assert set(table.n_answers) == {2} and set(table.n_missing) == {0} and set(table.protocol) == {"2.0"}
        summary = pd.read_json(project.folder / "runs/micro/full/summary.json", typ="series")
        assert table.loc[("MOS-S", "full"), "fingerprint"] == summary.fingerprint

        assert project.planned(TABLE) == {}
        server.answer("ada", asked[0], 1)
        assert project.planned(TABLE) == {"mos": 1}
        project.snakemake(TABLE)
        server.answer("bob", asked[0], 1)
        assert project.planned(TABLE) == {"mos": 1}
    assert project.planned() == {}, "nothing else waits for listeners"
