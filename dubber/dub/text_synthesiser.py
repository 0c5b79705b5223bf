"""Stage 1 alone as a speaker: text and a reference voice to speech of a given length.

Shapes: B batch, N phonemes, F video frames (25/s), P prompt tokens, T speech tokens (80/s), S speaker width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dubber.dub.synthesise import BaseSynthesiser
from dubber.flow.sampler import Sampler
from dubber.model.batch import mask, pad
from dubber.model.durations import length_mask
from dubber.model.tts import TTS
from dubber.text.phonemes import phonemise


@dataclass(frozen=True)
class TextRequest:
    """What the teacher is told of a clip.

    Attributes:
        clip: its name.
        phonemes: int64 [N], from the text alone.
        n_frames: F, of which nothing but the length of the speech follows.
        prompt: int64 [6, P], tokens of the reference speech.
        speaker: float32 [S], of the reference speech.
    """

    clip: str
    phonemes: np.ndarray
    n_frames: int
    prompt: np.ndarray
    speaker: np.ndarray


@dataclass(frozen=True)
class Spoken:
    """Speech of the teacher: tokens int64 [B, 6, T], token_mask bool [B, T]."""

    tokens: Tensor
    token_mask: Tensor


class TextSynthesiser(BaseSynthesiser):
    """The teacher of stage 1 with its codec."""

    stage = "stage1"
    model: TTS

    def request(self, row: Mapping[str, Any], n_frames: int, reference: Mapping[str, Any]) -> TextRequest:
        """Gather a clip's inputs.

        Args:
            row: with `clip` and `text`.
            reference: with `ids` [6 * T'] and `speaker` [S].

        Raises:
            ClipError: the text cannot be spoken.
        """
        ids = np.asarray(reference["ids"]).reshape(self.codec.streams, -1).astype(np.int64)
        return TextRequest(
            row["clip"],
            np.array(phonemise(row["text"]).ids, np.int64),
            n_frames,
            middle(ids, self.model.prompt_share),
            np.asarray(reference["speaker"], np.float32),
        )

    @torch.no_grad()
    def _speak(self, requests: Sequence[TextRequest], sampler: Sampler) -> Spoken:
        texts = [r.phonemes for r in requests]
        phonemes, phoneme_mask = pad(texts).to(self.device), mask(texts).to(self.device)
        prompts = pad([r.prompt.T for r in requests], value=self.sizes.pad).transpose(1, 2)
        sizes = [self.sizes.tokens_in(r.n_frames) for r in requests]
        durations = self._durations(phonemes, phoneme_mask, sizes)
        tokens = self.model.synthesise(
            phonemes,
            phoneme_mask,
            prompts.to(self.device),
            torch.from_numpy(np.stack([r.speaker for r in requests])).to(self.device),
            token_durations=durations.to(self.device),
            sampler=sampler,
            generator=self._draws(requests),
        )
        return Spoken(tokens.cpu(), length_mask(torch.tensor(sizes)))

    def _durations(self, phonemes: Tensor, mask: Tensor, sizes: Sequence[int]) -> Tensor:
        """The teacher's own durations, stretched: int64 [B, N], whose rows sum to `sizes`."""
        content = self.model.content
        predicted = content.duration_predictor(content.encoder(phonemes, mask), mask)
        tokens = (predicted.double().exp() - 1).clamp(0, content.duration_predictor.longest).cpu().numpy()
        counts = mask.sum(1).tolist()
        rows = [stretched(row[:n], size) for row, n, size in zip(tokens, counts, sizes, strict=True)]
        return pad(rows)


def stretched(durations: np.ndarray, total: int) -> np.ndarray:
    """Durations float [N] >= 0, longer or shorter by one factor: int64 [N] that sum to `total`.

    Boundaries are rounded, not durations, so that no error piles up. Durations that are all zero become even.
    """
    edges = np.cumsum(durations if durations.sum() > 0 else np.ones_like(durations))
    whole = np.floor(edges / edges[-1] * total + 0.5).astype(np.int64)
    return np.diff(whole, prepend=0)


def middle(tokens: np.ndarray, share: float) -> np.ndarray:
    """The middle `share` (0..1) of tokens [6, T'], at least one: as long a prompt as in training, where speech is."""
    length = tokens.shape[1]
    size = max(1, int(share * length))
    start = (length - size) // 2
    return tokens[:, start : start + size]
