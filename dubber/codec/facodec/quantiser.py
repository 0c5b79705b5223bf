"""Residual quantisation by factorised codebooks, looked up by angle."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.codec.facodec.weight_norm import FoldedLinear


class FactorisedCodebook(nn.Module):
    """One codebook of V codes, searched in a space of few dimensions.

    Args:
        channels: of the signal.
        codes: V.
        code_dim: dimensions of the space that holds the codes.
    """

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {
        "project_in": "in_proj",
        "project_out": "out_proj",
        "codes": "_codebook.weight",
    }

    def __init__(self, channels: int, codes: int, code_dim: int) -> None:
        super().__init__()
        self.project_in = FoldedLinear(channels, code_dim)
        self.project_out = FoldedLinear(code_dim, channels)
        self.codes = nn.Parameter(torch.randn(codes, code_dim))

    def search(self, x: Tensor) -> Tensor:
        """x [B, T, channels] -> int64 [B, T]: the code at the smallest angle to the projected x."""
        directions = F.normalize(self.project_in(x), dim=-1)
        return (directions @ F.normalize(self.codes, dim=-1).T).argmax(dim=-1)

    def embed(self, ids: Tensor) -> Tensor:
        """ids [B, T] -> [B, T, channels]."""
        return self.project_out(F.embedding(ids, self.codes))


class ResidualQuantiser(nn.Module):
    """Codebooks in a row, each quantising what those before it left over."""

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"codebooks": "layers"}

    def __init__(self, depth: int, channels: int, codes: int, code_dim: int) -> None:
        super().__init__()
        self.codebooks = nn.ModuleList(FactorisedCodebook(channels, codes, code_dim) for _ in range(depth))

    def _each(self) -> list[FactorisedCodebook]:
        return cast(list[FactorisedCodebook], list(self.codebooks))

    def quantise(self, x: Tensor) -> Tensor:
        """x [B, T, channels] -> int64 [depth, B, T]."""
        ids = []
        for codebook in self._each():
            ids.append(codebook.search(x))
            x = x - codebook.embed(ids[-1])
        return torch.stack(ids)

    def embed(self, ids: Tensor) -> Tensor:
        """ids [depth, B, T] -> [B, T, channels], the sum over the codebooks."""
        return torch.stack([codebook.embed(i) for codebook, i in zip(self._each(), ids, strict=True)]).sum(dim=0)
