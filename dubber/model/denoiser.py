"""The denoiser of the discrete flow: a diffusion transformer over six streams laid side by side (Sec. 3.3, DFPA).

Shapes: B batch, P prompt positions, T speech tokens, L = P + T, K = V + 2 classes (codes, [PAD], [MASK]),
W denoiser width, S speaker width, D content width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.model.attention import Rotation, SelfAttention
from dubber.model.batch import ACOUSTIC, CONTENT, GENERATED, PROSODY, STREAMS, generated_of
from dubber.model.classes import Predicted
from dubber.model.layers import sinusoids
from dubber.model.products import Linear, linear
from dubber.model.settings import ModelSettings

TIME_SCALE = 1000.0  # t in [0, 1] is spread over the sinusoids' range


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """AdaLN: x [B, L, W] scaled and shifted per clip, shift and scale [B, 1, W]."""
    return x * (1 + scale) + shift


class AdaptiveParameters(nn.Module):
    """The condition [B, W] -> `count` modulation vectors, each [B, 1, W]."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.linear = Linear(width, count * width)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        return self.linear(F.silu(condition)).unsqueeze(1).chunk(self.count, dim=-1)


class DiTBlock(nn.Module):
    """Attention with rotary positions, then an MLP with GELU, each modulated and gated by the condition."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.denoiser_width
        self.adaptive = AdaptiveParameters(width, 6)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, settings.denoiser_heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            Linear(width, settings.denoiser_mlp * width), nn.GELU(), Linear(settings.denoiser_mlp * width, width)
        )

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor, rotation: Rotation, first: int = 0) -> Tensor:
        """x [B, L, W], condition [B, W], mask bool [B, L] -> [B, L - first, W], the positions from `first` on."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.adaptive(condition)
        attended = self.attention(modulate(self.attention_norm(x), shift_a, scale_a), mask, rotation, first)
        x = x[:, first:] + gate_a * attended
        return x + gate_m * self.mlp(modulate(self.mlp_norm(x), shift_m, scale_m))


class OutputLayer(nn.Module):
    """LayerNorm without parameters, AdaLN, a linear layer to four streams, and a head for each kind of stream."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.denoiser_width
        self.adaptive = AdaptiveParameters(width, 2)
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.streams = Linear(width, len(GENERATED) * width)
        self.prosody_head = Linear(width, settings.classes)
        self.acoustic_head = Linear(width, settings.classes)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x [B, T, W], condition [B, W] -> logits [B, 4, T, K]."""
        return torch.cat([kind.logits for kind in self.predicted(x, condition)], dim=1)

    def predicted(self, x: Tensor, condition: Tensor) -> tuple[Predicted, Predicted]:
        """As `forward`, but before the heads: prosody [B, 1, T, W] and acoustic [B, 3, T, W]."""
        x = self.streams(modulate(self.norm(x), *self.adaptive(condition)))
        streams = x.unflatten(-1, (len(GENERATED), -1)).transpose(1, 2)
        prosody, acoustic = streams.split([len(PROSODY), len(ACOUSTIC)], dim=1)
        return Predicted.by(self.prosody_head, prosody), Predicted.by(self.acoustic_head, acoustic)

    def at(self, x: Tensor, condition: Tensor, wanted: Tensor) -> Tensor:
        """As `forward`, but only the M True positions of `wanted`, bool [B, 4, T], in their order: float32 [M, K]."""
        x = modulate(self.norm(x), *self.adaptive(condition))
        stream = wanted.nonzero()[:, 1]
        logits = torch.empty(len(stream), self.prosody_head.out_features, device=x.device)
        for i, (weight, bias) in enumerate(zip(self.streams.weight.chunk(4), self.streams.bias.chunk(4), strict=True)):
            head = self.prosody_head if GENERATED[i] in PROSODY else self.acoustic_head
            logits[stream == i] = head(linear(x[wanted[:, i]], weight, bias)).float()
        return logits


@dataclass(frozen=True)
class Prompt:
    """The part before the target in time, already projected: [B, P, W], and its mask bool [B, P]."""

    projected: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Condition:
    """The denoiser's inputs beside x_t and t, computed once for all evaluations of a sampler.

    Attributes:
        prompt: [B, P, W], projected.
        content: [B, T, W], the content streams' share of the input projection, and its bias.
        tables: [4 K, W], what each id of each generated stream adds to the input projection.
        mask: bool [B, L].
        rotation: rotary positions of prompt and target, joined without a gap.
        speaker: [B, W].
    """

    prompt: Tensor
    content: Tensor
    tables: Tensor
    mask: Tensor
    rotation: Rotation
    speaker: Tensor


class Denoiser(nn.Module):
    """p_{1|t}(. | x_t, condition): logits over prosody and acoustic codes.

    The input is the paper's: per position six embeddings side by side, [p, c1, c2, a1, a2, a3], projected from 6W to W.
    A projection of a concatenation is the sum of six projections, so those that do not depend on x_t are made once
    (`Condition`), and those of x_t are looked up in projected tables.

    It computes in the type of its weights, whatever the type of its inputs: `denoiser.to(torch.bfloat16)`.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.denoiser_width
        self.head_width = width // settings.denoiser_heads
        self.time_features = settings.time_features
        self.prosody_embedding = nn.Embedding(settings.classes, width, padding_idx=settings.pad)
        self.acoustic_embedding = nn.Embedding(settings.classes, width, padding_idx=settings.pad)
        self.input = Linear(STREAMS * width, width)
        self.time = nn.Sequential(Linear(settings.time_features, width), nn.SiLU(), Linear(width, width))
        self.speaker = Linear(settings.speaker_dim, width)
        self.blocks = nn.ModuleList(DiTBlock(settings) for _ in range(settings.denoiser_layers))
        self.output = OutputLayer(settings)

    def forward(self, x_t: Tensor, t: Tensor, condition: Condition, wanted: Tensor | None = None) -> Tensor:
        """Logits of p_{1|t}.

        Args:
            x_t: int64 [B, 4, T].
            t: [B] in [0, 1].
            wanted: bool [B, 4, T]: only the logits of its M True positions are made.

        Returns:
            [B, 4, T, K]; with `wanted`, [M, K] in its order.
        """
        x, adaptive = self.hidden(x_t, t, condition)
        return self.output(x, adaptive) if wanted is None else self.output.at(x, adaptive, wanted)

    def predicted(self, x_t: Tensor, t: Tensor, condition: Condition) -> tuple[Predicted, Predicted]:
        """As `forward`, for a loss: prosody [B, 1, T] and acoustic [B, 3, T] classes, not multiplied yet."""
        return self.output.predicted(*self.hidden(x_t, t, condition))

    def hidden(self, x_t: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """What the output layer reads: the target's states [B, T, W] and the condition [B, W] of t and speaker."""
        features = sinusoids(TIME_SCALE * t, self.time_features).to(self.dtype)
        adaptive = self.time(features) + condition.speaker
        target = condition.content + self._look_up(x_t, condition.tables)
        x = torch.cat([condition.prompt, target], dim=1)
        for block in self.blocks[:-1]:
            x = block(x, adaptive, condition.mask, condition.rotation)
        x = self.blocks[-1](x, adaptive, condition.mask, condition.rotation, first=condition.prompt.shape[1])
        return target + x, adaptive  # the long skip; the last block answers for the target alone

    def condition(
        self, content: Tensor, token_mask: Tensor, speaker: Tensor, prompt: Prompt | None = None
    ) -> Condition:
        """Everything but x_t and t.

        Args:
            content: H_c [B, 2, T, W].
            token_mask: bool [B, T].
            speaker: [B, S].
            prompt: from `token_prompt` or `prior_prompt`; without one there is only the target.
        """
        shares, heard = self._shares(), content.to(self.dtype).unbind(1)
        projected = self.input.bias + sum(linear(c, shares[stream]) for c, stream in zip(heard, CONTENT, strict=True))
        if prompt is None:
            prompt = Prompt(projected[:, :0], token_mask[:, :0])
        mask = torch.cat([prompt.mask, token_mask], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return Condition(
            prompt=prompt.projected,
            content=projected,
            tables=self._tables(shares),
            mask=mask,
            rotation=Rotation.at(positions, self.head_width),
            speaker=self.speaker(speaker.to(self.dtype)),
        )

    def token_prompt(self, tokens: Tensor, mask: Tensor) -> Prompt:
        """Stage 1: reference speech int64 [B, 6, P], mask bool [B, P], as [p, 0, 0, a1, a2, a3]."""
        return Prompt(self._look_up(generated_of(tokens), self._tables(self._shares())) + self.input.bias, mask)

    def prior_prompt(self, prior: Tensor, mask: Tensor) -> Prompt:
        """Stage 2: the face's prosody prior [B, P, W], mask bool [B, P], as [z_p, 0, 0, 0, 0, 0]."""
        return Prompt(linear(prior.to(self.dtype), self._shares()[PROSODY[0]], self.input.bias), mask)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, in which all is computed."""
        return self.input.weight.dtype

    def _shares(self) -> tuple[Tensor, ...]:
        """The parts of the input projection that read each stream, [W, W]."""
        return self.input.weight.split(self.input.out_features, dim=1)

    def _tables(self, shares: tuple[Tensor, ...]) -> Tensor:
        embeddings = {stream: self.prosody_embedding for stream in PROSODY} | {
            stream: self.acoustic_embedding for stream in ACOUSTIC
        }
        return torch.cat([linear(embeddings[s].weight, shares[s]) for s in GENERATED])

    def _look_up(self, ids: Tensor, tables: Tensor) -> Tensor:
        """ids int64 [B, 4, T] -> the generated streams' share of the input projection, [B, T, W]."""
        offset = torch.arange(len(GENERATED), device=ids.device) * (len(tables) // len(GENERATED))
        return F.embedding(ids + offset.reshape(1, -1, 1), tables).sum(1)
