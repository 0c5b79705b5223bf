"""Fit the embedded sync encoders: windows of one moment belong together, all others of the batch do not.

Among the negatives are other moments of the same clip, which share speaker, light and room: only timing tells them
apart.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dubber.artifacts import Progress, read_rows
from dubber.errors import ClipError, DubberError
from dubber.metrics.settings import SyncFitSettings
from dubber.metrics.sync_encoders import (
    FRAMES,
    SyncEncoders,
    lip_windows,
    mel_windows,
    read_lips,
    read_mels,
    save_encoders,
)
from dubber.units import FULL_SCALE

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A clip's lips uint8 [F, size, size] and log-mels [40, 4 F]."""

    lips: np.ndarray
    mels: np.ndarray


def fit_sync(
    clips: Collection[str],
    *,
    crops: Sequence[Path | str],
    audio: Sequence[Path | str],
    settings: SyncFitSettings,
    output: Path | str,
) -> float:
    """Fit on the clips named (the training split's) and write the weights; return the last mean loss.

    Raises:
        DubberError: fewer than two clips have both lips and sound.
    """
    pairs = load_pairs(clips, crops=crops, audio=audio, settings=settings)
    if len(pairs) < 2:
        raise DubberError(
            f"The sync encoders need two or more training clips with lips and sound, found {len(pairs)}.",
            looked_at=f"{len(crops)} crops and {len(audio)} audio artifacts",
        )
    encoders, loss = train_encoders(pairs, settings)
    save_encoders(encoders, output)
    return loss


def load_pairs(clips: Collection[str], *, crops, audio, settings: SyncFitSettings) -> list[Pair]:
    """Lips and mels of at most `max_clips` of the clips, chosen by a hash of the name."""
    wanted = set(sorted(clips, key=lambda clip: hashlib.sha256(clip.encode()).digest())[: settings.max_clips])
    lips: dict[str, np.ndarray] = {}
    for row in (row for path in crops for row in read_rows(path, ["clip", "lips"]) if row["clip"] in wanted):
        try:
            lips[row["clip"]] = read_lips(row["lips"], settings.image_size)
        except ClipError as error:
            log.warning("sync: clip %s is left out: %s", row["clip"], error.what)
    heard = (row for path in audio for row in read_rows(path, ["clip", "samples"]) if row["clip"] in lips)
    mels = {row["clip"]: read_mels(row["samples"] / np.float32(FULL_SCALE), len(lips[row["clip"]])) for row in heard}
    return [Pair(lips[clip], mels[clip]) for clip in sorted(mels)]


def train_encoders(pairs: Sequence[Pair], settings: SyncFitSettings) -> tuple[SyncEncoders, float]:
    """AdamW with one learning-rate cycle; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoders = SyncEncoders(settings.width, settings.image_size)
    optimiser = torch.optim.AdamW(encoders.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=settings.steps + 1)
    rng = np.random.default_rng(settings.seed)
    progress = Progress("sync encoders", settings.steps)
    recent = 0.0
    for step in range(settings.steps):
        loss = contrastive_loss(encoders, *_batch(pairs, settings, rng))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        recent = loss.item() if step == 0 else 0.98 * recent + 0.02 * loss.item()
        progress.advance()
    log.info("sync encoders: loss %.3f, chance %.3f", recent, np.log(settings.clips * settings.windows))
    return encoders.eval(), recent


def contrastive_loss(encoders: SyncEncoders, lips: Tensor, mels: Tensor) -> Tensor:
    """Symmetric cross-entropy over the cosines of all pairs in the batch, with a learned scale."""
    video, audio = encoders(lips, mels)
    logits = encoders.scale.exp().clamp(max=50) * video @ audio.T
    target = torch.arange(len(logits))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def _batch(pairs: Sequence[Pair], settings: SyncFitSettings, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    picks = rng.choice(len(pairs), min(settings.clips, len(pairs)), replace=False)
    lips, mels = [], []
    for pair in (pairs[i] for i in picks):
        count = len(pair.lips) - FRAMES + 1
        starts = rng.choice(count, min(settings.windows, count), replace=False)
        mirrored = pair.lips[:, :, ::-1] if rng.random() < 0.5 else pair.lips
        lips.append(lip_windows(mirrored, starts))
        mels.append(mel_windows(pair.mels, starts))
    return torch.cat(lips), torch.cat(mels)
