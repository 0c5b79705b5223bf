"""Both attention maps of a clip with the aligner's phone boundaries drawn over them (Fig. 5, 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dubber.artifacts import read_rows
from dubber.report.figures import style
from dubber.units import FRAME_RATE, TOKEN_RATE


@dataclass(frozen=True)
class AttentionMaps:
    """What is drawn for one clip.

    Attributes:
        clip: its name.
        phonemes: N symbols.
        video_text: A_vt [F, N]. speech_text: A_st [T, N]. Rows sum to one.
        frame_durations, token_durations: int [N], the forced aligner's, summing to F and T.
    """

    clip: str
    phonemes: Sequence[str]
    video_text: np.ndarray
    speech_text: np.ndarray
    frame_durations: np.ndarray
    token_durations: np.ndarray


def draw_attention(maps: AttentionMaps) -> Figure:
    """Video frames over phonemes on the left, speech tokens over phonemes on the right; time runs to the right."""
    height = 1.2 + 0.15 * len(maps.phonemes)
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, height), sharey=True, layout="constrained")
        _draw_map(left, maps.video_text, maps.frame_durations, maps.phonemes, FRAME_RATE)
        image = _draw_map(right, maps.speech_text, maps.token_durations, maps.phonemes, TOKEN_RATE)
        left.set_title("lips over phonemes, per video frame")
        right.set_title("speech over phonemes, per token")
        left.set_ylabel("phoneme")
        left.legend(loc="upper right", labelcolor="white")
        figure.colorbar(image, ax=(left, right), label="attention (square-root scale)", fraction=0.025, pad=0.015)
    return figure


def boundaries(durations: np.ndarray) -> np.ndarray:
    """Start and end [N, 2] of each phoneme in positions; a phoneme of zero length starts where it ends."""
    ends = np.cumsum(durations)
    return np.stack([ends - durations, ends], axis=1)


def _draw_map(axis: Axes, attention: np.ndarray, durations: np.ndarray, phonemes: Sequence[str], rate: float):
    positions, n = attention.shape
    image = axis.imshow(
        np.sqrt(np.clip(attention, 0, 1)).T,
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=0,
        vmax=1,
        extent=(0, positions / rate, n - 0.5, -0.5),
    )
    xs, ys = _outlines(boundaries(durations) / rate)
    outline = [patheffects.Stroke(linewidth=2.2, foreground="black"), patheffects.Normal()]
    axis.plot(xs, ys, color="white", linewidth=0.9, path_effects=outline, label="forced aligner")
    axis.set_yticks(range(n), phonemes, fontsize=6.5)
    axis.tick_params(length=0)
    axis.set_xlabel("seconds")
    axis.set_xlim(0, positions / rate)
    return image


def _outlines(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spans [N, 2] -> the corners of each phoneme's box, boxes parted by NaN so that one line draws them all."""
    start, end = spans.T
    row = np.arange(len(spans))
    gap = np.full(len(spans), np.nan)
    xs = np.stack([start, end, end, start, start, gap], axis=1)
    ys = np.stack([row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5, gap], axis=1)
    return xs.ravel(), ys.ravel()


def read_attention(paths: Iterable[Path | str]) -> Iterator[AttentionMaps]:
    """Stored maps, one row per clip.

    Columns: clip | phonemes list<str> [N] | video_text [F*N] and speech_text [T*N], row-major | frame_durations and
    token_durations int [N].
    """
    for path in paths:
        for row in read_rows(path):
            n = len(row["phonemes"])
            yield AttentionMaps(
                clip=row["clip"],
                phonemes=row["phonemes"],
                video_text=np.asarray(row["video_text"], np.float32).reshape(-1, n),
                speech_text=np.asarray(row["speech_text"], np.float32).reshape(-1, n),
                frame_durations=np.asarray(row["frame_durations"]),
                token_durations=np.asarray(row["token_durations"]),
            )
