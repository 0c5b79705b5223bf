"""Figures: what they read, what they compute, that all three files are made and stay the same."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dubber.errors import DubberError
from dubber.report.attention_maps import AttentionMaps, boundaries, draw_attention
from dubber.report.figures import save
from dubber.report.loss_curves import draw_losses, read_losses, smooth
from dubber.report.spectrograms import draw_spectrograms, mel
from dubber.report.table_plots import draw_ablations, draw_evaluations


def line(step, phase, loss, **terms) -> str:
    return json.dumps({"step": step, "phase": phase, "loss": loss, "terms": terms, "lr": 1e-4})


@pytest.fixture
def log(tmp_path):
    lines = [line(s, "train", 5 - s / 10, duration=1.0, content=4 - s / 10) for s in range(0, 30, 10)]
    lines += [line(20, "val", 3.5, content=3.0), line(20, "train", 2.5, content=1.5), '{"step": 30, "lo']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    return tmp_path / "metrics.jsonl"


def test_losses_by_phase_and_term_with_the_sum_first(log):
    losses = read_losses(log)
    assert losses.terms == ["loss", "content", "duration"]
    assert losses.phases["train"]["content"].steps.tolist() == [0, 10, 20]
    assert losses.phases["val"]["content"].values.tolist() == [3.0]


def test_a_step_logged_again_after_resuming_counts_once(log):
    assert read_losses(log).phases["train"]["loss"].values.tolist() == [5, 4, 2.5]


def test_only_the_last_line_may_be_cut_short(log):
    log.write_text('{"step"\n' + line(1, "train", 1.0))
    with pytest.raises(DubberError, match="Line 1"):
        read_losses(log)
    with pytest.raises(DubberError, match="missing"):
        read_losses(log.with_name("none.jsonl"))


def test_smoothing_keeps_a_constant_and_starts_unbiased():
    assert smooth(np.full(5, 3.0), 0.9) == pytest.approx(np.full(5, 3.0))
    assert smooth(np.array([1.0, 2.0, 3.0]), 0.0).tolist() == [1, 2, 3]
    assert smooth(np.array([1.0, 3.0]), 0.5)[1] == pytest.approx((0.25 * 1 + 0.5 * 3) / 0.75)


def test_one_panel_per_term(log):
    figure = draw_losses(read_losses(log), smoothing=0.9)
    shown = [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]
    assert shown == ["all terms, weighted", "content", "duration"]


def test_boundaries_allow_phonemes_of_zero_frames():
    assert boundaries(np.array([2, 0, 3])).tolist() == [[0, 2], [2, 2], [2, 5]]


def attention() -> AttentionMaps:
    rng = np.random.default_rng(0)
    return AttentionMaps(
        clip="c",
        phonemes=("sil", "B", "IH", "N"),
        video_text=rng.dirichlet(np.ones(4), 10),
        speech_text=rng.dirichlet(np.ones(4), 32),
        frame_durations=np.array([3, 0, 4, 3]),
        token_durations=np.array([8, 4, 12, 8]),
    )


def test_attention_maps_share_one_time_axis_in_seconds():
    figure = draw_attention(attention())
    left, right = figure.axes[:2]
    assert left.get_xlim() == right.get_xlim() == (0, 0.4)
    assert [label.get_text() for label in left.get_yticklabels()] == ["sil", "B", "IH", "N"]
    boxes = left.lines[0].get_xydata().reshape(4, 6, 2)
    assert boxes[:, 0, 0] == pytest.approx(np.array([0, 3, 3, 7]) / 25)
    assert boxes[:, 1, 0] == pytest.approx(np.array([3, 3, 7, 10]) / 25)
    assert boxes[2, :5, 1].tolist() == [1.5, 1.5, 2.5, 2.5, 1.5]


def test_mel_peak_is_at_the_tone():
    wav = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    low, high = (mel(f * wav).argmax(0)[50] for f in (1, 0.1))
    assert low == high
    assert mel(wav).shape == (80, 101)


def test_spectrograms_are_stored_as_vectors_and_png_byte_for_byte_alike(tmp_path):
    wav = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    stored = [
        [path.read_bytes() for path in save(draw_spectrograms({"ground truth": wav, "ours": wav / 2}), tmp_path / name)]
        for name in ("one", "two")
    ]
    assert stored[0] == stored[1]
    assert sorted(path.name for path in tmp_path.glob("one.*")) == ["one.pdf", "one.png", "one.svg"]
    assert len(list(tmp_path.iterdir())) == 6


def table(systems, settings=("1.0",)) -> pd.DataFrame:
    rows = []
    for i, system in enumerate(systems):
        for protocol in settings:
            row = {"system": system, "protocol": protocol}
            for metric, value in (("WER", 10.0 + i), ("WER_utterance", 1.0), ("RTF", 0.1 * (i + 1)), ("UTMOS", None)):
                low, high = (value and value * 0.9, value and value * 1.1)
                row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high, f"{metric}_backend": "b"}
            rows.append(row)
    return pd.DataFrame(rows)


def titles(figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes if axis.get_visible()]


def test_evaluations_show_every_measured_metric_in_order():
    figure = draw_evaluations(table(["nfe_16", "nfe_1", "nfe_8", "nfe_10", "full"]))
    assert titles(figure) == ["WER, % ↓", "RTF ↓"]
    (line,) = figure.axes[0].get_lines()
    assert line.get_xdata().tolist() == [1, 8, 10, 16]
    assert line.get_ydata().tolist() == [11, 12, 13, 10]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["1", "8", "", "16"]


def test_ablations_are_bars_with_the_full_system_marked():
    figure = draw_ablations(table(["full", "no_ctc", "no_fapro"], ("1.0", "2.0")))
    axis = figure.axes[0]
    assert [patch.get_width() for patch in axis.patches] == [10, 11, 12] * 2
    assert [line.get_xdata()[0] for line in axis.get_lines() if line.get_linestyle() == ":"] == [10, 10]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["full", "no_ctc", "no_fapro"]


def test_a_table_without_a_value_is_not_drawn():
    empty = table(["full"])[["system", "protocol", "UTMOS", "UTMOS_backend"]]
    with pytest.raises(DubberError, match="no measured value"):
        draw_ablations(empty)
