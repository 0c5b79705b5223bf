"""The model's costly parts in their plainest form, to measure against: the same weights, the same results.

`make_plain(model, parts)` turns parts of a model plain in place, `make_fast(model)` turns all of them back:

- "input": the denoiser's input as the paper says it, six embeddings laid side by side and projected from 6W to W;
- "attention": a softmax over all products of queries and keys, and rotary positions by whole-width products.

Within `plain_products` every float32 product is PyTorch's own choice (`dubber.model.products`).

`plain_adamw` is PyTorch's AdamW, parameter by parameter.

Shapes: B batch, H heads, P prompt positions, T speech tokens, L = P + T, W denoiser width, D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor, nn

from dubber.model import products
from dubber.model.attention import Rotation, SelfAttention, join_heads, split_heads
from dubber.model.batch import ACOUSTIC, PROSODY, STREAMS, generated_of
from dubber.model.denoiser import TIME_SCALE, Condition, Denoiser, Prompt
from dubber.model.layers import sinusoids
from dubber.train.optimiser import make_optimiser
from dubber.train.settings import StageSettings

PARTS = ("input", "attention")


class PlainSelfAttention(SelfAttention):
    """As its base, written out."""

    def forward(self, x: Tensor, mask: Tensor, rotation: Rotation | None = None, first: int = 0) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L - first, D]: all positions ask, those from `first` on are answered."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        if rotation is not None:
            q, k = _turned(q, rotation), _turned(k, rotation)
        energy = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        weights = energy.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)
        return self.out(join_heads(weights.to(v.dtype) @ v))[:, first:]


def _turned(x: Tensor, rotation: Rotation) -> Tensor:
    cos, sin = (torch.cat([part, part], dim=-1) for part in (rotation.cos, rotation.sin))
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat([-second, first], dim=-1) * sin).to(x.dtype)


class PlainDenoiser(Denoiser):
    """As its base; `Condition.content` holds H_c itself, [B, 2, T, W], and there are no tables."""

    def hidden(self, x_t: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """x_t int64 [B, 4, T], t [B] -> the target's states [B, T, W] and the condition [B, W]."""
        adaptive = self.time(sinusoids(TIME_SCALE * t, self.time_features)) + condition.speaker
        target = self._side_by_side(x_t, condition.content)
        first = x = torch.cat([condition.prompt, target], dim=1)
        for block in self.blocks:
            x = block(x, adaptive, condition.mask, condition.rotation)
        return (first + x)[:, condition.prompt.shape[1] :], adaptive

    def condition(
        self, content: Tensor, token_mask: Tensor, speaker: Tensor, prompt: Prompt | None = None
    ) -> Condition:
        """As its base's, without its sums."""
        mask = token_mask if prompt is None else torch.cat([prompt.mask, token_mask], dim=1)
        projected = content[:, 0, :0] if prompt is None else prompt.projected
        rotation = Rotation.at((mask.cumsum(1) - 1).clamp(min=0), self.head_width)
        nothing = projected.new_zeros(0)
        return Condition(projected, content, nothing, mask, rotation, self.speaker(speaker))

    def token_prompt(self, tokens: Tensor, mask: Tensor) -> Prompt:
        """Reference speech int64 [B, 6, P] as [p, 0, 0, a1, a2, a3]."""
        ids = generated_of(tokens)
        nothing = self.input.weight.new_zeros(len(ids), 2, ids.shape[-1], self.input.out_features)
        return Prompt(self._side_by_side(ids, nothing), mask)

    def prior_prompt(self, prior: Tensor, mask: Tensor) -> Prompt:
        """The prosody prior [B, P, W] as [z_p, 0, 0, 0, 0, 0]."""
        nothing = torch.zeros_like(prior).repeat(1, 1, STREAMS - 1)
        return Prompt(self.input(torch.cat([prior, nothing], dim=-1)), mask)

    def _side_by_side(self, ids: Tensor, content: Tensor) -> Tensor:
        """ids int64 [B, 4, T], content [B, 2, T, W] -> [B, T, W]."""
        prosody, acoustic = ids.split([len(PROSODY), len(ACOUSTIC)], dim=1)
        streams = [self.prosody_embedding(prosody), content, self.acoustic_embedding(acoustic)]
        return self.input(torch.cat(streams, dim=1).transpose(1, 2).flatten(2))


PLAIN = {"input": (Denoiser, PlainDenoiser), "attention": (SelfAttention, PlainSelfAttention)}


def make_plain(model: nn.Module, parts: Iterable[str] = PARTS) -> nn.Module:
    """Turn parts of a model plain, in place."""
    for fast, plain in (PLAIN[part] for part in parts):
        for module in model.modules():
            if type(module) is fast:
                module.__class__ = plain
    return model


def make_fast(model: nn.Module) -> nn.Module:
    """The inverse of `make_plain`."""
    for module in model.modules():
        for fast, plain in PLAIN.values():
            if type(module) is plain:
                module.__class__ = fast
    return model


@contextmanager
def plain_products() -> Iterator[None]:
    """Products as PyTorch makes them, whatever the processor; also such as the counters of PyTorch know."""
    with mock.patch.object(products, "mkl_is_slow", lambda: False):
        yield


def plain_adamw(model: nn.Module, settings: StageSettings) -> torch.optim.AdamW:
    """The run's AdamW, one parameter after another."""
    groups = make_optimiser(model, settings).param_groups
    plain = [{key: group[key] for key in ("params", "weight_decay")} for group in groups]
    return torch.optim.AdamW(plain, lr=settings.lr, betas=settings.betas, foreach=False, fused=False)
