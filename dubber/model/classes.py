"""Class scores as the product of hidden states and a head, and their cross-entropy without ever storing them.

Six streams of about a thousand classes are most of what a small model's training step would write to memory. Hidden
states are a tenth of that, so the model hands these on, and the loss multiplies, compares and differentiates them
in slices that fit the processor's cache.

Shapes: B batch, T speech tokens, W width, K classes, R rows (positions of all streams and clips).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS = 1024  # of a slice: 4 MB of scores for 1,024 classes


@dataclass(frozen=True)
class Predicted:
    """Scores of the classes of some streams, not multiplied yet.

    Attributes:
        hidden: [B, streams, T, W].
        weight: [K, W], of the head.
        bias: [K].
    """

    hidden: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def by(cls, head: nn.Linear, hidden: Tensor) -> Predicted:
        """What `head` makes of `hidden` [B, streams, T, W], in the arithmetic that autocast asks for."""
        kind = hidden.device.type
        if torch.is_autocast_enabled(kind):
            hidden = hidden.to(torch.get_autocast_dtype(kind))
        return cls(hidden, head.weight, head.bias)

    @property
    def logits(self) -> Tensor:
        """[B, streams, T, K]."""
        return F.linear(self.hidden, self.weight.to(self.hidden.dtype), self.bias.to(self.hidden.dtype))

    def cross_entropy(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Summed over the real positions of all streams, a float32 scalar.

        Args:
            targets: int64 [B, streams, T].
            mask: bool [B, T].
        """
        real = mask.unsqueeze(1).expand_as(targets)
        return _CrossEntropy.apply(self.hidden[real], self.weight, self.bias, targets[real])


class _CrossEntropy(torch.autograd.Function):
    """sum_r -log softmax(h_r W^T + b)[y_r]; the gradients are made in the same pass, slice by slice."""

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        needs_hidden, needs_head = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        head = weight.to(hidden.dtype)
        total = torch.zeros((), device=hidden.device)
        to_hidden, to_weight, to_bias = torch.empty_like(hidden), torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, len(hidden), ROWS):
            rows = slice(start, start + ROWS)
            h, wanted = hidden[rows], targets[rows].unsqueeze(1)
            scores = torch.mm(h, head.t()).float().add_(bias)
            highest = scores.amax(1, keepdim=True)
            matched = scores.gather(1, wanted)
            odds = scores.sub_(highest).exp_()
            summed = odds.sum(1, keepdim=True)
            total += (summed.log() + highest - matched).sum()
            if not (needs_hidden or needs_head):
                continue
            difference = odds.div_(summed)
            difference.scatter_add_(1, wanted, difference.new_full((len(h), 1), -1.0))
            if needs_head:
                to_bias += difference.sum(0)
            difference = difference.to(hidden.dtype)
            if needs_hidden:
                torch.mm(difference, head, out=to_hidden[rows])
            if needs_head:
                to_weight += torch.mm(difference.t(), h)
        ctx.save_for_backward(
            to_hidden if needs_hidden else None, *((to_weight, to_bias) if needs_head else (None, None))
        )
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [None if made is None else made * gradient.to(made.dtype) for made in ctx.saved_tensors]
        return (*scaled, None)
