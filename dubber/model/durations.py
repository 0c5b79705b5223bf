"""Run lengths: what a phoneme's duration, in frames or in tokens, says about positions in time.

Shapes: B batch, N phonemes, L positions in time (video frames or speech tokens), C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
