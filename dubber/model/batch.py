"""Padded model inputs with their masks, and the codec's six streams: p, c1, c2, a1, a2, a3.

Content is predicted; the flow generates prosody and acoustic.

Shapes: B batch, N phonemes, F video frames (25/s), T speech tokens (80/s), S speaker width.
Masks are True where a position is real and False where it is padding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

STREAMS = 6
PROSODY = (0,)
CONTENT = (1, 2)
ACOUSTIC = (3, 4, 5)
GENERATED = (*PROSODY, *ACOUSTIC)


@dataclass(frozen=True)
class Batch:
    """Stage 1: phonemes, their durations in tokens, codec tokens and the speaker.

    Attributes:
        clips: B clip names, for error messages.
        phonemes: int64 [B, N], padded with `dubber.text.phonemes.PAD`.
        phoneme_mask: bool [B, N].
        token_durations: int64 [B, N], tokens per phoneme; each row sums to that clip's T.
        tokens: int64 [B, 6, T], padded with the codec's PAD id (V).
        token_mask: bool [B, T].
        speaker: float32 [B, S].
        shortest: T of the shortest clip of the batch that this one is a part of; None for a whole batch.
    """

    clips: tuple[str, ...]
    phonemes: Tensor
    phoneme_mask: Tensor
    token_durations: Tensor
    tokens: Tensor
    token_mask: Tensor
    speaker: Tensor
    shortest: int | None = field(default=None, kw_only=True)

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def share(self, rank: int, world: int) -> Self:
        """What one of `world` processes computes: every `world`-th clip, padded as in the whole batch."""
        shortest = int(self.token_mask.sum(1).min())
        part = self._each(lambda tensor: tensor[rank::world])
        return replace(part, clips=self.clips[rank::world], shortest=shortest)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {name: change(v) for name, v in values.items() if isinstance(v, Tensor)}
        return replace(self, **changed)


@dataclass(frozen=True)
class DubInputs:
    """What a student speaks from: video, text and a voice.

    Attributes:
        lips: float32 [B, F, lip features].
        faces: float32 [B, F, face features].
        frame_mask: bool [B, F].
        phonemes: int64 [B, N], padded with `dubber.text.phonemes.PAD`.
        phoneme_mask: bool [B, N].
        speaker: float32 [B, S], of the reference speech.
    """

    lips: Tensor
    faces: Tensor
    frame_mask: Tensor
    phonemes: Tensor
    phoneme_mask: Tensor
    speaker: Tensor


@dataclass(frozen=True)
class DubBatch(Batch, DubInputs):
    """Stage 2: a `Batch` with the video.

    Attributes:
        frame_durations: int64 [B, N], video frames per phoneme (may be 0); each row sums to that clip's F.
    """

    frame_durations: Tensor


def pad(rows: Sequence[np.ndarray], dtype: torch.dtype | None = None, value: float = 0) -> Tensor:
    """Arrays [L_i, ...] -> [B, max L_i, ...], `value` past the end of each row; of the rows' type by default."""
    dtype = dtype or torch.from_numpy(np.array(rows[0])).dtype
    padded = torch.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), value, dtype=dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = torch.from_numpy(np.array(row))
    return padded


def mask(rows: Sequence[np.ndarray]) -> Tensor:
    """Arrays [L_i, ...] -> bool [B, max L_i], True before the end of each row."""
    lengths = torch.tensor([len(row) for row in rows])
    return torch.arange(int(lengths.max())) < lengths.unsqueeze(1)


def content_of(tokens: Tensor) -> Tensor:
    """int64 [B, 6, T] -> [B, 2, T]."""
    return tokens[:, CONTENT]


def generated_of(tokens: Tensor) -> Tensor:
    """int64 [B, 6, T] -> [B, 4, T]: prosody and the three acoustic streams."""
    return tokens[:, GENERATED]


def assemble(generated: Tensor, content: Tensor) -> Tensor:
    """Generated [B, 4, T] and content [B, 2, T] -> int64 [B, 6, T] in the codec's order."""
    prosody, acoustic = generated.split([len(PROSODY), len(ACOUSTIC)], dim=1)
    return torch.cat([prosody, content, acoustic], dim=1)
