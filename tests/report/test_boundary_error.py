"""Boundary errors against hand-made alignments, and the table of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dubber.artifacts import FAILURES, failures_path, write_rows
from dubber.errors import DubberError
from dubber.metrics.boundary_error import boundary_error, evenly_spread, inner_boundaries
from dubber.report.alignment import alignment_table, in_words
from dubber.report.settings import BootstrapSettings
from dubber.report.tables import write_csv
from dubber.steps.dubs import DUBS
from dubber.steps.durations import DURATIONS

BOOTSTRAP = BootstrapSettings(samples=200)
ALIGNED = [3, 1, 1, 6, 1]  # boundaries at 3, 4, 5, 11


def test_the_start_and_the_end_are_no_boundaries():
    assert inner_boundaries(np.array(ALIGNED)).tolist() == [3, 4, 5, 11]


def test_errors_are_counted_in_frames_of_40_ms():
    found = boundary_error(found=np.array([3, 2, 2, 1, 4]), aligned=np.array(ALIGNED))  # at 3, 5, 7, 8: off 0, 1, 2, 3
    assert found.ms == pytest.approx(40 * 6 / 4)
    assert (found.within_1, found.within_2) == (0.5, 0.75)


def test_an_alignment_has_no_error_against_itself_and_a_phoneme_may_own_no_frame():
    same = boundary_error(found=np.array([0, 4, 0, 3]), aligned=np.array([0, 4, 0, 3]))
    assert (same.ms, same.within_1, same.within_2) == (0, 1, 1)


@pytest.mark.parametrize("found", [[3, 1, 1, 6], [3, 1, 1, 6, 2], [12]])
def test_what_does_not_pair_is_refused(found):
    with pytest.raises(ValueError, match="do not pair"):
        boundary_error(found=np.array(found), aligned=np.array(ALIGNED))


def test_an_even_spread_keeps_the_silence_at_both_ends():
    assert evenly_spread(np.array(ALIGNED)).tolist() == [3, 3, 2, 3, 1]  # at 3, 5.67, 8.33, 11
    assert evenly_spread(np.array([2, 3])).tolist() == [2, 3]


def stored(folder, dubbed: dict[str, list[int]], aligned: dict[str, list[int]], lost: tuple[str, ...] = ()):
    def made(durations: dict[str, list[int]]) -> list[dict]:
        return [{"clip": c, "phonemes": range(1, len(d) + 1), "frame_durations": d} for c, d in durations.items()]

    write_rows(folder / "dubs.parquet", made(dubbed), DUBS)
    write_rows(folder / "durations.parquet", made(aligned), DURATIONS)
    write_rows(
        failures_path(folder / "dubs.parquet"), [{"clip": c, "step": "dub", "reason": "x"} for c in lost], FAILURES
    )
    return [folder / "dubs.parquet"], [folder / "durations.parquet"]


def table(dubs, durations) -> pd.DataFrame:
    return alignment_table(dubs, durations, system="full", fingerprint="f00d", bootstrap=BOOTSTRAP)


def test_the_mean_is_over_clips_and_lost_clips_are_counted(tmp_path):
    dubbed = {"x": [3, 2, 2, 1, 4], "y": ALIGNED, "unaligned": ALIGNED}
    built = table(*stored(tmp_path, dubbed, {"x": ALIGNED, "y": ALIGNED, "of train": [1, 2]}, lost=("lost",)))
    ours, even = built.to_dict("records")
    assert (ours["system"], even["system"], ours["fingerprint"]) == ("full", "evenly_spread", "f00d")
    assert (ours["n_ok"], ours["n_failed"]) == (2, 2)
    assert ours["error_ms"] == pytest.approx((60 + 0) / 2)
    assert (ours["within_40ms"], ours["within_80ms"]) == pytest.approx((0.75, 0.875))
    assert ours["error_ms_low"] == 0 and ours["error_ms_high"] == pytest.approx(60)
    assert even["error_ms"] == pytest.approx(40 * (0 + 2 + 3 + 0) / 4)


def test_the_report_says_it_in_words(tmp_path):
    built = table(*stored(tmp_path, {"x": [3, 2, 2, 1, 4]}, {"x": ALIGNED}, lost=("lost",)))
    write_csv(built, tmp_path / "alignment.csv")
    said = in_words(tmp_path / "alignment.csv", 0.95)
    assert "60 (60 – 60) ms" in said and "1 clips, 1 failed" in said
    assert "50% of them are within one video frame (40 ms), 75% within two" in said and "50 (50 – 50) ms off" in said


def test_a_dub_of_other_phonemes_is_an_error(tmp_path):
    with pytest.raises(DubberError, match="clip x are not of the same phonemes"):
        table(*stored(tmp_path, {"x": [6, 6]}, {"x": ALIGNED}))


def test_without_a_common_clip_there_is_no_number(tmp_path):
    with pytest.raises(DubberError, match="No test clip"):
        table(*stored(tmp_path, {"x": ALIGNED}, {"y": ALIGNED}))
