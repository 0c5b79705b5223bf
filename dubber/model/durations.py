"""Durations as run lengths: searched for in an attention map, and turned into positions in time.

Shapes: B batch, N phonemes, F video frames, L positions in time (video frames or speech tokens), C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from monotonic_alignment_search import maximum_path
from torch import Tensor

SMALLEST = 1e-8  # keeps the logarithm of an attention weight finite


def length_mask(lengths: Tensor, size: int | None = None) -> Tensor:
    """Lengths int64 [B] -> bool [B, L], True before each row's length; L = `size` or the longest."""
    size = int(lengths.max()) if size is None else size
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def alignment_matrix(durations: Tensor, size: int | None = None) -> Tensor:
    """The alignment matrix M of the paper, from run lengths.

    Args:
        durations: int64 [B, N], positions that each phoneme owns; 0 is allowed.
        size: L; the longest row's sum by default.

    Returns:
        bool [B, L, N], True where position i belongs to phoneme j. Positions past a row's sum belong to none.
    """
    ends = durations.cumsum(1)
    size = int(ends[:, -1].max()) if size is None else size
    position = torch.arange(size, device=durations.device).reshape(1, -1, 1)
    return ((ends - durations).unsqueeze(1) <= position) & (position < ends.unsqueeze(1))


def regulate_length(phonemes: Tensor, durations: Tensor, size: int | None = None) -> Tensor:
    """Repeat each phoneme's vector as often as its duration says (FastSpeech's length regulator).

    Args:
        phonemes: [B, N, C].
        durations: int64 [B, N].
        size: L; the longest row's sum by default.

    Returns:
        [B, L, C], zero past a row's sum.
    """
    ends = durations.cumsum(1)
    size = int(ends[:, -1].max()) if size is None else size
    position = torch.arange(size, device=durations.device).expand(len(durations), size).contiguous()
    owner = torch.searchsorted(ends, position, right=True)
    inside = owner < durations.shape[1]
    owner = owner.clamp(max=durations.shape[1] - 1).unsqueeze(-1).expand(-1, -1, phonemes.shape[-1])
    return phonemes.gather(1, owner) * inside.unsqueeze(-1)


@torch.no_grad()
def search_durations(attention: Tensor, frame_mask: Tensor, phoneme_mask: Tensor, values: str = "log") -> Tensor:
    """The monotonic path of the greatest value through each attention map, as run lengths.

    A clip with no more phonemes than frames gives every phoneme at least one frame. A fast speaker's clip (N > F)
    cannot: there a path may skip phonemes, which then own zero frames.

    Args:
        attention: [B, F, N], weights in [0, 1].
        frame_mask: bool [B, F].
        phoneme_mask: bool [B, N].
        values: what a path adds up, "log" (of the weights) or "linear" (the weights).

    Returns:
        int64 [B, N]; each row sums to that clip's F.
    """
    score = attention.float()
    if values == "log":
        score = score.clamp(min=SMALLEST).log()
    frames, phonemes = frame_mask.sum(1), phoneme_mask.sum(1)
    valid = (frame_mask.unsqueeze(2) & phoneme_mask.unsqueeze(1)).transpose(1, 2)
    skipping = (phonemes > frames).nonzero().flatten().tolist()
    durations = torch.zeros(phoneme_mask.shape, dtype=torch.long, device=attention.device)
    whole = (phonemes <= frames).nonzero().flatten()
    if len(whole):
        path = maximum_path(score.transpose(1, 2)[whole].contiguous(), valid[whole].to(score.dtype).contiguous())
        durations[whole] = path.sum(2).long()
    for row in skipping:
        f, n = int(frames[row]), int(phonemes[row])
        owners = skipping_path(score[row, :f, :n].cpu().numpy())
        durations[row, :n] = torch.from_numpy(np.bincount(owners, minlength=n)).to(durations)
    return durations


def skipping_path(score: np.ndarray) -> np.ndarray:
    """The non-decreasing sequence of phonemes, one per frame, of the greatest summed score.

    Args:
        score: float [F, N].

    Returns:
        int [F], phoneme of each frame.
    """
    frames, phonemes = score.shape
    best = np.zeros(phonemes, dtype=np.float64)
    came_from = np.zeros((frames, phonemes), dtype=np.int64)
    for frame in range(frames):
        reach = np.maximum.accumulate(best)
        record = np.where(best == reach, np.arange(phonemes), 0)
        came_from[frame] = np.maximum.accumulate(record)
        best = reach + score[frame]
    owner = np.empty(frames, dtype=np.int64)
    owner[-1] = best.argmax()
    for frame in range(frames - 1, 0, -1):
        owner[frame - 1] = came_from[frame, owner[frame]]
    return owner
