"""Lyra V2, Google's streaming neural codec for speech, from its published files.

Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec" (2021), as google/lyra publishes it (Apache-2.0).
The files hold convolutions, some with 8-bit weights and 8-bit products. Here the weights are the published ones and
every product is float32, so that gradients pass. tests/networks/test_lyra.py says how far that is from the published
networks.

Shapes: B sounds, T frames of 20 ms (320 samples at 16 kHz), Q codebooks in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.errors import DubberError
from dubber.networks.published_weights import Published, require_shapes
from dubber.networks.tflite import Convolution, read_constants, read_convolutions

SAMPLE_RATE, HOP = 16_000, 320  # Hz; samples of a frame
FEATURES = 64
CODEBOOKS, CODES = 46, 16
SLOPE = 0.3
DILATIONS = (1, 3, 9)
LANE = 64  # inputs of a group where a convolution has groups

Memory = dict[nn.Module, Tensor]
"""What each layer keeps of a stream between calls: empty at its start, changed by every call."""

ENCODER, QUANTISER, DECODER = (
    Published(model="Lyra V2", file=f"{name}.tflite", group="lyra", source="google/lyra")
    for name in ("soundstream_encoder", "quantizer", "lyragan")
)


class _Conv(nn.Module):
    """A causal convolution [B, C, T] -> [B, D, T / stride], of silence before a stream's start."""

    def __init__(self, inputs: int, outputs: int, taps: int, stride: int = 1, dilation: int = 1, groups: int = 1):
        super().__init__()
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.past = (taps - 1) * dilation + 1 - stride
        self.kind = "depthwise convolution" if groups == inputs > 1 else "convolution"
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, taps))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        if self.past:
            x = torch.cat([memory.get(self, x.new_zeros(*x.shape[:2], self.past)), x], dim=2)
            memory[self] = x[:, :, -self.past :]
        return F.conv1d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def published(self, layers: Iterator[Convolution]) -> dict[str, Tensor]:
        layer = _next(layers, self.kind, self.stride, self.dilation)
        order = (2, 0, 1) if self.kind == "depthwise convolution" else (0, 2, 1)
        return {"weight": layer.weight[:, :, 0].permute(order), "bias": layer.bias}


class _Upsampling(nn.Module):
    """A causal transposed convolution [B, C, T] -> [B, D, T stride]; its file holds each group as one layer."""

    def __init__(self, inputs: int, outputs: int, taps: int, stride: int, groups: int = 1):
        super().__init__()
        self.stride, self.groups, self.past = stride, groups, taps - stride
        self.weight = nn.Parameter(torch.zeros(inputs, outputs // groups, taps))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        y = F.conv_transpose1d(x, self.weight, None, self.stride, groups=self.groups)
        if self in memory:
            y = y + F.pad(memory[self], (0, y.shape[2] - self.past))
        memory[self] = y[:, :, -self.past :]
        return y[:, :, : -self.past] + self.bias[:, None]

    def published(self, layers: Iterator[Convolution]) -> dict[str, Tensor]:
        parts = [_next(layers, "transposed convolution", self.stride, 1) for _ in range(self.groups)]
        weights = [part.weight[:, :, 0].permute(2, 0, 1) for part in parts]
        return {"weight": torch.cat(weights), "bias": torch.cat([part.bias for part in parts])}


class _Active(nn.Module):
    """A leaky rectifier, then a convolution."""

    def __init__(self, conv: _Conv | _Upsampling) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        return self.conv(F.leaky_relu(x, SLOPE), memory)


class _Residual(nn.Module):
    """[B, C, T] and what a dilated, a full and a grouped convolution add to it."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depth = _Active(_Conv(width, width, 3, dilation=dilation, groups=width))
        self.point = _Conv(width, width, 1)
        self.mix = _Active(_Conv(width, width, 1, groups=width // LANE))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        return x + self.mix(self.point(self.depth(x, memory), memory), memory)


def _residuals(width: int) -> list[nn.Module]:
    return [_Residual(width, dilation) for dilation in DILATIONS]


class LyraEncoder(nn.Module):
    """Sound [B, 320 T] at 16 kHz in -1..1 -> features [B, T, 64].

    With the `memory` of the call before it continues that call's sound, and nothing tells that it came in parts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _Conv(1, 64, 64, 16),
                *_residuals(64),
                _Active(_Conv(64, 128, 10, 5)),
                *_residuals(128),
                _Active(_Conv(128, 256, 4, 2, groups=2)),
                *_residuals(256),
                _Active(_Conv(256, 512, 4, 2, groups=4)),
                _Active(_Conv(512, FEATURES, 3, groups=4)),
            ]
        )

    def forward(self, wav: Tensor, memory: Memory | None = None) -> Tensor:
        memory, x = {} if memory is None else memory, wav[:, None]
        for layer in self.layers:
            x = layer(x, memory)
        return x.transpose(1, 2)


class LyraDecoder(nn.Module):
    """LyraGAN: features [B, T, 64] -> sound [B, 320 T] at 16 kHz, not clipped; `memory` as the encoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _Conv(FEATURES, 512, 3, groups=4),
                _Active(_Upsampling(512, 256, 4, 2, groups=4)),
                *_residuals(256),
                _Active(_Upsampling(256, 128, 4, 2, groups=2)),
                *_residuals(128),
                _Active(_Upsampling(128, 64, 10, 5)),
                *_residuals(64),
                _Active(_Upsampling(64, 1, 64, 16)),
            ]
        )

    def forward(self, features: Tensor, memory: Memory | None = None) -> Tensor:
        memory, x = {} if memory is None else memory, features.transpose(1, 2)
        for layer in self.layers:
            x = layer(x, memory)
        return x[:, 0]


class LyraQuantiser(nn.Module):
    """A residual vector quantiser: each of up to 46 codebooks of 16 codes refines the sum of those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.codebooks = nn.Parameter(torch.zeros(CODEBOOKS, CODES, FEATURES))

    def encode(self, features: Tensor, books: int = CODEBOOKS) -> Tensor:
        """Features [..., 64] -> int64 [..., Q], Q = `books`: in each codebook the nearest code to what remains."""
        codes, rest = [], features
        for book in self.codebooks[:books]:
            codes.append((rest[..., None, :] - book).square().sum(-1).argmin(-1))
            rest = rest - book[codes[-1]]
        return torch.stack(codes, -1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [..., Q] -> features [..., 64], the sum of the codes' vectors."""
        return self.codebooks[torch.arange(codes.shape[-1], device=codes.device), codes].sum(-2)


Network = TypeVar("Network", LyraEncoder, LyraDecoder)


def load_lyra_encoder(path: Path | str) -> LyraEncoder:
    """The published encoder, `soundstream_encoder.tflite`, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published layers.
    """
    return _loaded(LyraEncoder(), path, ENCODER)


def load_lyra_decoder(path: Path | str) -> LyraDecoder:
    """The published decoder, `lyragan.tflite`, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published layers.
    """
    return _loaded(LyraDecoder(), path, DECODER)


def load_lyra_quantiser(path: Path | str) -> LyraQuantiser:
    """The published codebooks, `quantizer.tflite`, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published codebooks.
    """
    names = ["transpose", *(f"transpose_{k}" for k in range(1, CODEBOOKS))]
    given = {key: value for key, value in read_constants(path, QUANTISER).items() if key.startswith("transpose")}
    require_shapes(dict.fromkeys(names, (CODES, FEATURES)), given, path, QUANTISER)
    quantiser = LyraQuantiser()
    quantiser.load_state_dict({"codebooks": torch.stack([given[name] for name in names])})
    return quantiser.eval().requires_grad_(False)


def _loaded(network: Network, path: Path | str, published: Published) -> Network:
    """Fill a network from its file, layer by layer in the order of both, then freeze it."""
    given: dict[str, Tensor] = {}
    layers = iter(read_convolutions(path, published))
    try:
        for name, module in network.named_modules():
            if isinstance(module, _Conv | _Upsampling):
                given |= {f"{name}.{key}": value for key, value in module.published(layers).items()}
        if (more := len(list(layers))) > 0:
            raise _OtherLayers(f"{more} layers more than are known")
    except _OtherLayers as error:
        raise DubberError(
            f"This file does not hold the weights of {published.model}: {error}",
            looked_at=path,
            hint=published.remedy,
        ) from None
    require_shapes({key: tuple(own.shape) for key, own in network.state_dict().items()}, given, path, published)
    network.load_state_dict(given)
    return network.eval().requires_grad_(False)


class _OtherLayers(Exception):
    """The layers of a file are not those of the network."""


def _next(layers: Iterator[Convolution], kind: str, stride: int, dilation: int) -> Convolution:
    layer = next(layers, None)
    if layer is None:
        raise _OtherLayers("it ends too early")
    found, wanted = (layer.kind, layer.stride, layer.dilation), (kind, stride, dilation)
    if found != wanted or layer.weight.ndim != 4:
        raise _OtherLayers(f"(kind, stride, dilation) is {found} where {wanted} was expected")
    return layer
