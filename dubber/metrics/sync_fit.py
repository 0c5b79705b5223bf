"""Fit the embedded sync encoders: windows of one moment belong together, all others of the batch do not.

Among the negatives are other moments of the same clip, which share speaker, light and room: only timing tells them
apart.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dubber.metrics.settings import SyncFitSettings
from dubber.metrics.sync_encoders import FRAMES, SyncEncoders, lip_windows, mel_windows
from dubber.progress import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A clip's lips uint8 [F, size, size] and log-mels [40, 4 F]."""

    lips: np.ndarray
    mels: np.ndarray


def fit_encoders(pairs: Sequence[Pair], settings: SyncFitSettings) -> SyncEncoders:
    """AdamW with one learning-rate cycle over two or more clips; the same seed gives the same weights."""
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
    return encoders.eval()


def contrastive_loss(encoders: SyncEncoders, lips: Tensor, mels: Tensor) -> Tensor:
    """Symmetric cross-entropy over the cosines [n, n] of all pairs of the batch, with a learned scale: a scalar."""
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
