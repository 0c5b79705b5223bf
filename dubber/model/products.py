"""Matrix products by the library that is fast on the processor at hand.

PyTorch multiplies float32 matrices with MKL, and MKL leaves the widest instructions unused on processors that Intel has
not made: on an AMD EPYC with AVX-512 oneDNN, which PyTorch brings along as well, is 2.2 times as fast
(docs/notebook/training.md). `linear` asks it there, and is PyTorch's own everywhere else: on accelerators, in bfloat16,
under autocast and torch.compile, on Intel's and ARM's processors.

MKL itself decides by the maker's name, so this module asks for the same. A measurement could choose differently in the
next run, which must end with the same bits.

Shapes: I inputs, O outputs, ... any leading dimensions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CPUINFO = Path("/proc/cpuinfo")


class Linear(nn.Linear):
    """As PyTorch's, through `linear`; the same weights under the same names."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., I], weight [O, I], bias [O] -> x W^T + b, [..., O]."""
    return _OneDNN.apply(x, weight, bias) if _onednn_pays(x, weight) else F.linear(x, weight, bias)


def _onednn_pays(x: Tensor, weight: Tensor) -> bool:
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and x.numel() > 0 and mkl_is_slow()


@cache
def mkl_is_slow() -> bool:
    """Whether float32 products are MKL's although this processor is not Intel's, and oneDNN could make them."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX512":  # on AVX2 alone both libraries are level
        return False
    made_by = CPUINFO.read_text() if CPUINFO.is_file() else "GenuineIntel"  # not known: PyTorch's own
    return "GenuineIntel" not in made_by and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(_dense(x), _dense(weight), bias, "none", [], "")


def _dense(x: Tensor) -> Tensor:
    """x, its rows or its columns laid one after another: in any other layout oneDNN is a thousand times slower."""
    return x if x.is_contiguous() or (x.dim() == 2 and x.t().is_contiguous()) else x.contiguous()


class _OneDNN(torch.autograd.Function):
    """x W^T + b and its gradients, each one product of oneDNN's."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        flat, needed = gradient.flatten(0, -2), ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if needed[0] else None,
            _product(flat.t(), x.flatten(0, -2).t()) if needed[1] else None,
            flat.sum(0) if needed[2] else None,
        )
