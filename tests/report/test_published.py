"""Published figures stand beside measured ones and are never taken for them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dubber.errors import DubberError
from dubber.report.published import beside, load_published, measured_rows, opinions_beside
from dubber.report.tables import write_csv

HEADER = "corpus,table,protocol,system,metric,value,interval95,source,remark\n"
LIST = Path(__file__).parents[2] / "config/published.csv"


@pytest.fixture
def figures(tmp_path) -> Path:
    path = tmp_path / "published.csv"
    path.write_text(
        HEADER
        + "chem,table,1.0,full,WER,9.65,,Table 1,\n"
        + "chem,table,1.0,full,SECS,84.59,0.5,Table 1,a note\n"
        + "chem,table,1.0,Other,WER,11.7,,Table 1,\n"
        + "chem,nfe,,nfe_8,RTF,0.05,,Table 4,\n"
        + "chem,nfe,,nfe_8,parameters,250000000,,Table 4,\n",
        encoding="utf-8",
    )
    return path


MEASURED = pd.DataFrame(
    {
        "system": ["ground_truth", "full", "full"],
        "protocol": ["1.0", "1.0", "2.0"],
        "n_ok": [3, 3, 2],
        "n_failed": [0, 0, 1],
        "WER": [5.0, 20.0, 30.0],
        "WER_backend": "w",
    }
)


def test_measured_figures_stay_as_they_are(figures):
    table = beside(MEASURED, load_published(figures, corpus="chem", table="table"))
    pd.testing.assert_frame_equal(measured_rows(table)[MEASURED.columns], MEASURED, check_dtype=False)


def test_published_figures_have_columns_of_their_own_with_their_source(figures):
    table = beside(MEASURED, load_published(figures, corpus="chem", table="table")).set_index(["system", "protocol"])
    full = table.loc[("full", "1.0")]
    assert (full.WER, full.published_WER, full.published_SECS) == (20.0, 9.65, 84.59)
    assert full.published_source == "Table 1; Table 1 (a note)"
    assert full.published_SECS_interval95 == 0.5
    assert pd.isna(table.loc[("full", "2.0")].published_WER)


def test_a_system_that_only_papers_know_has_nothing_measured(figures):
    table = beside(MEASURED, load_published(figures, corpus="chem", table="table"))
    other = table.iloc[-1]
    assert (other.system, other.published_WER) == ("Other", 11.7)
    assert other[["n_ok", "WER", "WER_backend"]].isna().all()


def test_a_figure_without_a_setting_stands_in_every_setting(figures):
    measured = MEASURED.assign(system="nfe_8").iloc[1:]
    table = beside(measured, load_published(figures, corpus="chem", table="nfe"))
    assert table.published_RTF.tolist() == [0.05, 0.05]


def test_whole_numbers_stay_whole_in_the_csv(figures, tmp_path):
    table = beside(MEASURED.assign(system="nfe_8").iloc[1:], load_published(figures, corpus="chem", table="nfe"))
    write_csv(table, tmp_path / "t.csv")
    assert "250000000," in (tmp_path / "t.csv").read_text() and ",3,0," in (tmp_path / "t.csv").read_text()


def test_an_unknown_corpus_names_the_nearest(figures):
    with pytest.raises(DubberError, match="did you mean 'chem'"):
        load_published(figures, corpus="chen", table="table")


def test_a_list_without_a_column_is_refused(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("corpus,system,value\n", encoding="utf-8")
    with pytest.raises(DubberError, match="lacks table, protocol, metric"):
        load_published(path, corpus="chem", table="table")


@pytest.mark.parametrize("corpus", ["chem", "grid"])
def test_the_projects_own_list_has_one_figure_per_place_and_a_source_for_each(corpus):
    rows = load_published(LIST, corpus=corpus, table="table")
    assert not rows.duplicated(["protocol", "system", "metric"]).any()
    assert (rows.source != "").all()


def test_the_projects_own_list_holds_every_figure_of_the_paper():
    rows = pd.read_csv(LIST, keep_default_na=False)
    counts = rows.groupby(["corpus", "table"]).size().to_dict()
    assert counts == {
        ("chem", "table"): 86,
        ("grid", "table"): 86,
        ("chem", "ablations"): 54,
        ("chem", "nfe"): 79,
        ("chem", "prosody"): 24,
    }
    assert (rows.interval95 != "").sum() == 12, "MOS-S of six systems on each corpus"


def test_a_published_opinion_is_beside_the_measured_one():
    measured = pd.DataFrame({"system": ["full", "codec"], "protocol": "2.0", "metric": "MOS-S", "mean": [3.9, 3.0]})
    table = opinions_beside(measured, load_published(LIST, corpus="chem", table="table"))
    assert table["mean"].tolist() == [3.9, 3.0]
    assert table.published_mean.notna().tolist() == [True, False]
