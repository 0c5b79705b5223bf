"""FACodec's parts against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dubber.codec.facodec import layers
from dubber.codec.facodec.filters import TAPS, downsample, low_pass, upsample
from dubber.codec.facodec.layers import AntiAliasedSnake, resampling_padding
from dubber.codec.facodec.quantiser import FactorisedCodebook, ResidualQuantiser
from dubber.codec.facodec.timbre import TimbreEncoder

LENGTHS = [1, 2, 3, 7, 50]


def taps() -> list[float]:
    """Twelve without symmetry, so that a reversed filter shows."""
    return torch.linspace(-0.3, 1.0, TAPS).square().tolist()


def doubled(x: np.ndarray, filter_: list[float]) -> np.ndarray:
    """By definition: repeat the ends, put zeros between the samples, convolve, keep the middle, restore the gain."""
    padded = np.pad(x, TAPS, mode="edge")
    spread = np.zeros(2 * len(padded))
    spread[::2] = padded
    start = 2 * TAPS + TAPS // 2 - 1
    return 2 * np.convolve(spread, filter_)[start : start + 2 * len(x)]


def halved(x: np.ndarray, filter_: list[float]) -> np.ndarray:
    """By definition: repeat the ends, correlate, keep every second sample."""
    padded = np.pad(x, (TAPS // 2 - 1, TAPS // 2), mode="edge")
    return np.correlate(padded, filter_, mode="valid")[::2]


def interleaved(even: torch.Tensor, odd: torch.Tensor) -> torch.Tensor:
    return torch.stack([even, odd], dim=-1).flatten(-2)


@pytest.mark.parametrize("length", LENGTHS)
def test_upsampling_is_filtering_between_zeros(length: int) -> None:
    x = torch.randn(2, length)
    made = interleaved(*upsample(x, taps()))
    for row, expected in zip(made, x, strict=True):
        np.testing.assert_allclose(row, doubled(expected.numpy(), taps()), atol=1e-5)


@pytest.mark.parametrize("length", LENGTHS)
def test_downsampling_is_filtering_and_dropping(length: int) -> None:
    x = torch.randn(2, 2 * length)
    made = downsample(x[:, 0::2], x[:, 1::2], taps())
    for row, expected in zip(made, x, strict=True):
        np.testing.assert_allclose(row, halved(expected.numpy(), taps()), atol=1e-5)


def test_low_pass_is_half_band() -> None:
    filter_ = low_pass().flatten().double()
    assert float(filter_.sum()) == pytest.approx(1)
    assert torch.allclose(filter_, filter_.flip(0))
    spectrum = torch.fft.rfft(filter_, 1024).abs()
    assert float(spectrum[256]) == pytest.approx(0.5, abs=0.01)  # the edge of the original band
    assert float(spectrum[512]) < 1e-6
    assert float(spectrum[:64].min()) > 0.98


@pytest.mark.parametrize("block", [1, 40, 10**6])
def test_anti_aliased_snake_by_definition(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(layers, "_CACHED", block)
    activation = AntiAliasedSnake(3)
    torch.nn.init.normal_(activation.log_alpha)
    torch.nn.init.normal_(activation.log_beta)
    x = torch.randn(2, 3, 19)
    made = activation(x).detach()
    filter_ = low_pass().flatten().tolist()
    for clip in range(2):
        for channel in range(3):
            alpha, beta = (log[channel].exp().item() for log in (activation.log_alpha, activation.log_beta))
            fine = doubled(x[clip, channel].numpy(), filter_)
            expected = halved(fine + np.sin(alpha * fine) ** 2 / beta, filter_)
            np.testing.assert_allclose(made[clip, channel], expected, atol=1e-4)


@pytest.mark.parametrize("stride", [2, 4, 5])
def test_strided_convolutions_change_the_length_by_their_stride(stride: int) -> None:
    padding = resampling_padding(stride)
    shorter = F.conv1d(torch.zeros(1, 1, 12 * stride), torch.zeros(1, 1, 2 * stride), stride=stride, padding=padding)
    longer = F.conv_transpose1d(
        torch.zeros(1, 1, 12), torch.zeros(1, 1, 2 * stride), None, stride, padding, output_padding=stride % 2
    )
    assert (shorter.shape[-1], longer.shape[-1]) == (12, 12 * stride)


def test_search_finds_the_code_at_the_smallest_angle() -> None:
    codebook = FactorisedCodebook(channels=16, codes=32, code_dim=4)
    x = torch.randn(2, 9, 16)
    found = codebook.search(x)
    latent = codebook.project_in(x)
    for clip, frame in np.ndindex(2, 9):
        angles = [F.cosine_similarity(latent[clip, frame], code, dim=0).acos() for code in codebook.codes]
        assert found[clip, frame] == torch.stack(angles).argmin()


def test_each_codebook_quantises_what_those_before_left() -> None:
    quantiser = ResidualQuantiser(depth=3, channels=16, codes=32, code_dim=4)
    x = torch.randn(2, 9, 16)
    ids = quantiser.quantise(x)
    assert ids.shape == (3, 2, 9)
    for depth, codebook in enumerate(quantiser.codebooks):
        before = sum((quantiser.codebooks[i].embed(ids[i]) for i in range(depth)), torch.zeros_like(x))
        assert torch.equal(ids[depth], codebook.search(x - before))
    total = sum(codebook.embed(i) for codebook, i in zip(quantiser.codebooks, ids, strict=True))
    torch.testing.assert_close(quantiser.embed(ids), total)


def test_a_voice_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    encoder = TimbreEncoder(channels=16, depth=2, heads=4, filter_width=32)
    x = torch.randn(1, 11, 16)
    others = torch.randn(3, 11, 16)
    voices = encoder(torch.cat([others, x]))
    torch.testing.assert_close(voices[3:], encoder(x), atol=1e-6, rtol=1e-5)
