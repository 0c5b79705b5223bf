"""Figures: what they read, what they compute, that all three files are made and stay the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dubber.errors import DubberError
from dubber.report.attention_maps import AttentionMaps, boundaries, draw_attention
from dubber.report.figures import save
from dubber.report.loss_curves import draw_losses, read_losses, smooth
from dubber.report.spectrograms import draw_spectrograms, mel


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
