"""The table: corpus-level means, failures counted, nothing compared that cannot be."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from dubber.artifacts import write_rows
from dubber.errors import DubberError
from dubber.report.comparisons import compare
from dubber.report.settings import BootstrapSettings
from dubber.report.tables import RunFacts, build_table, load_scores, read_run, run_fingerprint, write_csv
from dubber.steps.score import SCORES

BOOTSTRAP = BootstrapSettings(samples=200)


def row(clip, metric, value, weight=1.0, reason=None, backend="b"):
    return {"clip": clip, "metric": metric, "value": value, "weight": weight, "backend": backend, "reason": reason}


PERFECT = [row(c, m, v) for c in "xyz" for m, v in (("WER", 0.0), ("SECS", 100.0))]
OURS = [
    row("x", "WER", 50.0, 2),
    row("y", "WER", 0.0, 8),
    row("z", "WER", 100.0, 10, "no output: no face"),
    row("x", "SECS", 80.0),
    row("y", "SECS", 90.0),
    row("z", "SECS", None, reason="no output: no face"),
    *[row(c, "RTF", 0.5, backend="clock") for c in "xy"],
]


def stored(folder, system, protocol, rows, shard="0000"):
    path = folder / "scores" / system / protocol / f"{shard}.parquet"
    write_rows(path, rows, SCORES)
    return path


def table(*paths) -> pd.DataFrame:
    built = build_table(load_scores(paths), runs={"full": RunFacts("abc", 1000)}, bootstrap=BOOTSTRAP)
    return built.set_index(["system", "protocol"])


@pytest.fixture
def paths(tmp_path):
    # The reversed order of files shows that the table sorts by itself.
    return [
        stored(tmp_path, "full", "2.0", OURS),
        stored(tmp_path, "full", "1.0", OURS[:1] + OURS[3:4], "0000"),
        stored(tmp_path, "full", "1.0", OURS[1:3] + OURS[4:], "0001"),
        stored(tmp_path, "ground_truth", "1.0", PERFECT),
    ]


def test_rows_and_their_order(paths):
    assert list(table(*paths).index) == [("ground_truth", "1.0"), ("full", "1.0"), ("full", "2.0")]


def test_wer_is_errors_over_words_and_the_utterance_mean_stands_beside_it(paths):
    ours = table(*paths).loc[("full", "1.0")]
    assert pytest.approx(100 * (1 + 0 + 10) / 20) == ours.WER
    assert ours.WER_utterance == pytest.approx(50)
    assert ours.WER_low <= ours.WER <= ours.WER_high


def test_failed_clips_are_counted_and_do_not_enter_other_means(paths):
    ours = table(*paths).loc[("full", "1.0")]
    assert (ours.n_ok, ours.n_failed) == (2, 1)
    assert (ours.SECS, ours.SECS_n, ours.WER_n) == (85.0, 2, 3)


def test_every_number_names_its_backend_and_run(paths):
    built = table(*paths)
    assert built.loc[("full", "2.0"), ["WER_backend", "RTF_backend", "fingerprint"]].tolist() == ["b", "clock", "abc"]
    truth = built.loc[("ground_truth", "1.0")]
    assert truth.fingerprint == ""
    assert pd.isna(truth.RTF)
    assert truth.RTF_n == 0


def test_systems_must_be_scored_on_the_same_clips(tmp_path, paths):
    fewer = stored(tmp_path, "other", "1.0", PERFECT[:4])
    with pytest.raises(DubberError, match=r"same test clips(.|\n)*first z"):
        table(*paths, fewer)


def test_two_backends_never_share_a_column(tmp_path, paths):
    whisper = [row(c, "WER", 0.0, backend="whisper") for c in "xyz"]
    with pytest.raises(DubberError, match="two backends: b and whisper"):
        table(*paths, stored(tmp_path, "other", "1.0", whisper))


def test_a_clip_scored_twice_is_an_error(tmp_path, paths):
    with pytest.raises(DubberError, match="two WER scores"):
        load_scores([*paths, stored(tmp_path, "full", "1.0", OURS[:1], "0002")])


def test_csv_keeps_settings_and_counts_as_text_and_integers(tmp_path, paths):
    write_csv(table(*paths).reset_index(), tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0].startswith(
        "system,protocol,n_ok,n_failed,fingerprint,parameters,WER,WER_low,WER_high,WER_n,WER_backend,"
    )
    assert lines[2].startswith("full,1.0,2,1,abc,1000,55,")


def test_a_run_is_what_its_summary_says(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({"fingerprint": "f00", "parameters": {"total": 7, "a": 3}}))
    assert run_fingerprint(tmp_path / "summary.json") == "f00"
    assert read_run(tmp_path / "summary.json") == RunFacts("f00", 7)


def test_an_order_can_be_given_and_metrics_chosen(paths):
    scores = load_scores(paths)
    built = build_table(scores, runs={}, bootstrap=BOOTSTRAP, order=["full", "ground_truth"], only=["SECS"])
    assert built.system.tolist() == ["full", "full", "ground_truth"]
    assert "SECS" in built and "WER" not in built
    with pytest.raises(DubberError, match="None of the metrics FFE"):
        build_table(scores, runs={}, bootstrap=BOOTSTRAP, only=["FFE"])


def test_comparison_takes_only_clips_that_both_have(paths):
    found = compare(load_scores(paths), baseline="ground_truth", bootstrap=BOOTSTRAP)
    found = found.set_index(["system", "protocol", "metric"])
    assert set(found.index) == {("full", "1.0", "WER"), ("full", "1.0", "SECS")}
    assert found.loc[("full", "1.0", "SECS"), "difference"] == pytest.approx(-15)
    assert found.loc[("full", "1.0", "SECS"), "n"] == 2
    with pytest.raises(DubberError, match="baseline nobody"):
        compare(load_scores(paths), baseline="nobody", bootstrap=BOOTSTRAP)
