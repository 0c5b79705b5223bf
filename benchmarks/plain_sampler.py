"""The paper's sampler written out as plainly as it can be: the yardstick of `sampler.py` and the oracle of its tests.

Six embeddings side by side, everything recomputed at every evaluation, logits of every position, a float64 draw from
the whole vocabulary and eq. 8 as a tensor of velocities. Slow, and easy to hold beside the paper.

Shapes: B batch, P prompt positions, T speech tokens, K classes, W denoiser width, S speaker width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dubber.flow.path import MixturePath
from dubber.flow.sampler import LAST_TIME
from dubber.model.attention import Rotation
from dubber.model.denoiser import TIME_SCALE, Denoiser
from dubber.model.layers import sinusoids


@dataclass(frozen=True)
class PlainInputs:
    """What the denoiser is told beside x_t and t.

    Attributes:
        content: H_c [B, 2, T, W].
        token_mask: bool [B, T].
        speaker: [B, S].
        prior: z_p, projected [B, T, W].
    """

    content: Tensor
    token_mask: Tensor
    speaker: Tensor
    prior: Tensor


def plain_logits(denoiser: Denoiser, x_t: Tensor, t: Tensor, inputs: PlainInputs) -> Tensor:
    """x_t int64 [B, 4, T], t [B] -> logits of p_{1|t} [B, 4, T, K]."""
    nothing = torch.zeros_like(inputs.prior)
    acoustic = [denoiser.acoustic_embedding(x_t[:, i]) for i in (1, 2, 3)]
    target = [denoiser.prosody_embedding(x_t[:, 0]), inputs.content[:, 0], inputs.content[:, 1], *acoustic]
    prompt = [inputs.prior, *[nothing] * 5]
    first = x = denoiser.input(torch.cat([torch.cat(prompt, dim=-1), torch.cat(target, dim=-1)], dim=1))
    mask = torch.cat([inputs.token_mask, inputs.token_mask], dim=1)
    rotation = Rotation.at((mask.cumsum(1) - 1).clamp(min=0), denoiser.head_width)
    adaptive = denoiser.time(sinusoids(TIME_SCALE * t, denoiser.time_features)) + denoiser.speaker(inputs.speaker)
    for block in denoiser.blocks:
        x = block(x, adaptive, mask, rotation)
    return denoiser.output((first + x)[:, nothing.shape[1] :], adaptive)


@torch.no_grad()
def plain_euler(
    logits_of: Callable[[Tensor, Tensor], Tensor],
    start: Tensor,
    path: MixturePath,
    nfe: int,
    *,
    forbidden: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Euler steps of eq. 8: x_t jumps with the total velocity away from it, to a state drawn from the velocities.

    Args:
        logits_of: (x_t int64 [B, ...], t [B]) -> [B, ..., K].
        start: int64 [B, ...], [MASK] where a value is wanted.
    """
    free, x_t, h = start == path.mask_id, start, torch.tensor(LAST_TIME / nfe, dtype=torch.float64)
    for index in range(nfe):
        t = (index * h).float().expand(len(x_t))
        logits = logits_of(x_t, t).clone()
        logits[..., [i for i in {path.mask_id, *forbidden} if i < logits.shape[-1]]] = -torch.inf
        x_1 = categorical(logits.softmax(-1), generator)
        if index == nfe - 1:
            return torch.where(free, x_1, start)
        classes = max(logits.shape[-1], path.mask_id + 1)
        velocity = path.velocity(F.one_hot(x_1, classes).float(), x_t.where(free, path.mask_id), t)
        velocity = velocity.clamp(min=0)  # away from x_t
        total = velocity.sum(-1)
        jump = free & (torch.rand(total.shape, generator=generator) < 1 - torch.exp(-h * total))
        x_t = x_t.clone()
        x_t[jump] = categorical(velocity[jump], generator)
    return x_t


def categorical(weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws from [..., K], in float64 over the whole vocabulary: int64 [...]."""
    flat = weights.double().reshape(-1, weights.shape[-1])
    if not len(flat):
        return torch.zeros(weights.shape[:-1], dtype=torch.int64)
    return torch.multinomial(flat, 1, generator=generator).reshape(weights.shape[:-1])
