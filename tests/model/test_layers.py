"""Blocks against their definitions, and each clip of a padded batch against the clip alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dubber.errors import DubberError
from dubber.model.durations import length_mask
from dubber.model.layers import (
    ClipNorm,
    ConvNeXt,
    ConvNeXtBlock,
    Convolution,
    CrossAttentionBlock,
    CrossTransformer,
    FFTBlock,
    GlobalResponseNorm,
    Positions,
    Transformer,
    Upsampler,
    interpolate,
    sinusoids,
)
from tests.helpers.tiny_models import SETTINGS, assert_same, randomise, sized, soiled

LENGTHS = torch.tensor([9, 4, 6])
MASK = length_mask(LENGTHS)
X = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "build",
    [
        lambda: Convolution(16, 16, 5),
        lambda: FFTBlock(SETTINGS),
        lambda: Transformer(SETTINGS, 2),
        lambda: ConvNeXt(SETTINGS),
        lambda: GlobalResponseNorm(16),
        lambda: ClipNorm(16),
    ],
    ids=["Convolution", "FFTBlock", "Transformer", "ConvNeXt", "GlobalResponseNorm", "ClipNorm"],
)
def test_a_padded_clip_is_treated_as_if_it_were_alone(build, training):
    layer = randomise(build()).train(training)
    together = layer(soiled(X, MASK), MASK)
    for row, n in enumerate(LENGTHS.tolist()):
        one = layer(X[row : row + 1, :n], MASK[row : row + 1, :n])
        assert_same(together[row, :n], one[0])


@pytest.mark.parametrize("training", [True, False])
def test_upsampler_treats_a_padded_clip_as_if_it_were_alone(training):
    upsampler = randomise(Upsampler(SETTINGS)).train(training)
    tokens = SETTINGS.tokens_in(LENGTHS)
    token_mask = length_mask(tokens)
    together = upsampler(soiled(X, MASK), MASK, token_mask)
    assert (together[~token_mask] == 0).all()
    for row, (n, t) in enumerate(zip(LENGTHS.tolist(), tokens.tolist(), strict=True)):
        one = upsampler(X[row : row + 1, :n], MASK[row : row + 1, :n], token_mask[row : row + 1, :t])
        assert_same(together[row, :t], one[0])


@pytest.mark.parametrize("attention", ["soft", "monotonic"])
@pytest.mark.parametrize("training", [True, False])
def test_cross_attention_treats_a_padded_clip_as_if_it_were_alone(attention, training):
    layer = randomise(CrossTransformer(sized(attention=attention))).train(training)
    memory, memory_lengths = torch.randn(3, 7, 16), torch.tensor([3, 7, 5])
    memory_mask = length_mask(memory_lengths)
    together = layer(soiled(X, MASK), MASK, soiled(memory, memory_mask), memory_mask)
    assert (together.weights.masked_select(~memory_mask.unsqueeze(1)) == 0).all()
    for row, (n, m) in enumerate(zip(LENGTHS.tolist(), memory_lengths.tolist(), strict=True)):
        part = slice(row, row + 1)
        one = layer(X[part, :n], MASK[part, :n], memory[part, :m], memory_mask[part, :m])
        assert_same(together.values[row, :n], one.values[0])
        assert_same(together.weights[row, :n, :m], one.weights[0])
        assert_same(one.weights.sum(-1), torch.ones(1, n))


def test_response_norm_is_its_formula():
    norm = randomise(GlobalResponseNorm(16))
    x, mask = X[:1, :5], torch.ones(1, 5, dtype=torch.bool)
    out = norm(x, mask)
    g = [sum(x[0, i, c].item() ** 2 for i in range(5)) ** 0.5 for c in range(16)]
    mean = sum(g) / 16
    for i in range(5):
        for c in range(16):
            expected = norm.gamma[c] * x[0, i, c] * g[c] / (mean + 1e-6) + norm.beta[c] + x[0, i, c]
            assert out[0, i, c].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


def test_clip_norm_is_group_norm_with_one_group():
    norm = randomise(ClipNorm(16))
    expected = F.group_norm(X.transpose(1, 2), 1, norm.weight, norm.bias).transpose(1, 2)
    assert_same(norm(X, torch.ones(3, 9, dtype=torch.bool)), expected)


@pytest.mark.parametrize(("frames", "tokens"), [(5, 16), (7, 22), (9, 9), (1, 3), (8, 3)])
def test_interpolation_is_torchs_for_each_clip(frames, tokens):
    x = torch.randn(2, 9, 4)
    ours = interpolate(x, torch.tensor([frames, 9]), torch.tensor([tokens, 29]), 30)
    theirs = F.interpolate(x[:1, :frames].transpose(1, 2), size=tokens, mode="linear").transpose(1, 2)
    assert_same(ours[:1, :tokens], theirs)


def test_positions_tell_places_apart_and_refuse_what_they_cannot():
    table = sinusoids(torch.arange(3), 6)
    assert table[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert table[1, 0].item() == pytest.approx(0.841471) and table[1, 2].item() == pytest.approx(1e-4)
    assert table[2, 3].item() == pytest.approx(-0.416147)
    with pytest.raises(DubberError, match="9 positions"):
        Positions(sized(max_positions=8))(X)


def test_a_transformer_hears_the_order():
    layer = randomise(Transformer(SETTINGS, 1)).eval()
    out = layer(torch.ones(1, 30, 16), torch.ones(1, 30, dtype=torch.bool))[0]
    assert not torch.allclose(out[10], out[20], atol=1e-3)  # both far from the ends, which convolutions hear


def test_fft_block_is_post_norm():
    """With post-norm and unit weights every output vector has mean 0 and variance 1."""
    out = FFTBlock(SETTINGS).eval()(X, torch.ones(3, 9, dtype=torch.bool))
    assert_same(out.mean(-1), torch.zeros(3, 9))
    assert_same(out.var(-1, unbiased=False), torch.ones(3, 9))


WHOLE = torch.ones(3, 9, dtype=torch.bool)


def test_fft_block_written_out():
    block = randomise(FFTBlock(SETTINGS)).eval()
    attended = block.attention_norm(X + block.attention(X, WHOLE))
    hidden = F.conv1d(attended.transpose(1, 2), block.conv_in.weight, block.conv_in.bias, padding=2).relu()
    convolved = F.conv1d(hidden, block.conv_out.weight, block.conv_out.bias).transpose(1, 2)
    assert_same(block(X, WHOLE), block.conv_norm(attended + convolved))


def test_cross_attention_block_written_out():
    block = randomise(CrossAttentionBlock(SETTINGS)).eval()
    memory, memory_mask = torch.randn(3, 4, 16), torch.ones(3, 4, dtype=torch.bool)
    attended = block.attention_norm(X + block.attention(X, memory, memory_mask).values)
    expected = block.mlp_norm(attended + block.mlp_out(block.mlp_in(attended).relu()))
    assert_same(block(X, WHOLE, memory, memory_mask).values, expected)


def test_cross_transformer_gives_the_last_blocks_map():
    layer = randomise(CrossTransformer(SETTINGS)).eval()
    memory, memory_mask = torch.randn(3, 4, 16), torch.ones(3, 4, dtype=torch.bool)
    x = X + sinusoids(torch.arange(9), 16)
    first = layer.blocks[0](x, WHOLE, memory, memory_mask)
    second = layer.blocks[1](first.values, WHOLE, memory, memory_mask)
    found = layer(X, WHOLE, memory, memory_mask)
    assert_same(found.values, second.values)
    assert_same(found.weights, second.weights)


def test_convnext_block_written_out():
    block = randomise(ConvNeXtBlock(SETTINGS)).eval()
    depthwise = F.conv1d(X.transpose(1, 2), block.depthwise.weight, block.depthwise.bias, padding=3, groups=16)
    hidden = F.gelu(block.expand(block.norm(depthwise.transpose(1, 2))))
    assert_same(block(X, WHOLE), X + block.reduce(block.response(hidden, WHOLE)))


def test_upsampler_written_out():
    upsampler = randomise(Upsampler(SETTINGS)).eval()
    x = F.interpolate(X.transpose(1, 2), size=29, mode="linear")
    for convolution, norm in zip(upsampler.convolutions, upsampler.norms, strict=True):
        x = F.conv1d(x, convolution.weight, convolution.bias, padding=1)
        x = F.mish(F.group_norm(x, 1, norm.weight, norm.bias))
    expected = F.conv1d(x, upsampler.out.weight, upsampler.out.bias).transpose(1, 2)
    assert_same(upsampler(X, WHOLE, torch.ones(3, 29, dtype=torch.bool)), expected)


def test_an_unseen_channel_gives_response_norm_no_nan_gradient():
    x = torch.zeros(1, 4, 16, requires_grad=True)
    randomise(GlobalResponseNorm(16))(x, torch.ones(1, 4, dtype=torch.bool)).sum().backward()
    assert x.grad.isfinite().all()
