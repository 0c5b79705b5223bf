"""Rotary positions and monotonic attention against their definitions."""

from __future__ import annotations

import pytest
import torch

from dubber.model.attention import (
    CrossAttention,
    Rotation,
    SelfAttention,
    attend,
    expected_alignment,
    monotonic_weights,
)
from tests.helpers.tiny_models import assert_same, randomise


def test_rotation_turns_pairs_by_the_position():
    x = torch.randn(1, 1, 5, 4)
    positions = torch.tensor([[0, 1, 2, 7, 30]])
    turned = Rotation.at(positions, 4)(x)
    for i, p in enumerate(positions[0].tolist()):
        for pair, frequency in ((0, 1.0), (1, 0.01)):
            angle = torch.tensor(p * frequency)
            a, b = x[0, 0, i, pair], x[0, 0, i, pair + 2]
            assert turned[0, 0, i, pair].item() == pytest.approx((a * angle.cos() - b * angle.sin()).item(), abs=1e-5)
            assert turned[0, 0, i, pair + 2].item() == pytest.approx(
                (b * angle.cos() + a * angle.sin()).item(), abs=1e-5
            )


def test_rotated_attention_depends_on_distance_only():
    attention = randomise(SelfAttention(16, 2)).eval()
    x, mask = torch.randn(1, 6, 16), torch.ones(1, 6, dtype=torch.bool)
    here = attention(x, mask, Rotation.at(torch.arange(6).unsqueeze(0), 8))
    there = attention(x, mask, Rotation.at(torch.arange(100, 106).unsqueeze(0), 8))
    stretched = attention(x, mask, Rotation.at(2 * torch.arange(6).unsqueeze(0), 8))
    assert_same(here, there)
    assert not torch.allclose(here, stretched, atol=1e-3)


def test_self_attention_is_softmax_of_scaled_products():
    attention = randomise(SelfAttention(8, 2)).eval()
    x, mask = torch.randn(1, 4, 8), torch.tensor([[True, True, True, False]])
    q, k, v = attention.qkv(x)[0].chunk(3, dim=-1)
    mixed = []
    for head in (slice(0, 4), slice(4, 8)):
        weights = (q[:, head] @ k[:3, head].T / 2).softmax(-1)
        mixed.append(weights @ v[:3, head])
    assert_same(attention(x, mask)[0], attention.out(torch.cat(mixed, dim=-1)))


def test_cross_attention_weights_are_the_mean_of_its_heads():
    attention = randomise(CrossAttention(8, 2, monotonic=False)).eval()
    queries, memory = torch.randn(1, 5, 8), torch.randn(1, 3, 8)
    q, k = attention.query(queries)[0], attention.key(memory)[0]
    heads = [(q[:, h] @ k[:, h].T / 2).softmax(-1) for h in (slice(0, 4), slice(4, 8))]
    found = attention(queries, memory, torch.ones(1, 3, dtype=torch.bool)).weights[0]
    assert_same(found, (heads[0] + heads[1]) / 2)


def test_expected_alignment_is_the_sum_over_all_monotonic_walks():
    """alpha_ij = p_ij sum_k alpha_{i-1,k} prod_{l=k}^{j-1} (1 - p_il), written out."""
    p = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros_like(p)
    previous = torch.zeros(2, 3, 5, dtype=torch.float64)
    previous[..., 0] = 1
    for i in range(4):
        for j in range(5):
            for k in range(j + 1):
                walk = torch.ones(2, 3, dtype=torch.float64)
                for passed in range(k, j):
                    walk = walk * (1 - p[..., i, passed])
                expected[..., i, j] += p[..., i, j] * previous[..., k] * walk
        previous = expected[..., i, :]
    torch.testing.assert_close(expected_alignment(p), expected)


def test_certain_selection_walks_the_diagonal_and_never_back():
    certain = torch.full((1, 1, 3, 3), -30.0)
    for i in range(3):
        certain[..., i, i] = 30.0
    mask = torch.ones(1, 1, 1, 3, dtype=torch.bool)
    assert_same(monotonic_weights(certain, mask)[0, 0], torch.eye(3))
    backwards = monotonic_weights(certain.flip(-1), mask)[0, 0]
    assert_same(backwards, torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]]))


def test_monotonic_weights_spend_everything_on_real_keys():
    mask = torch.tensor([True, True, True, False]).reshape(1, 1, 1, 4)
    weights = monotonic_weights(torch.randn(1, 2, 6, 4), mask)
    assert_same(weights.sum(-1), torch.ones(1, 2, 6))
    assert (weights[..., 3] == 0).all()
    moving = (weights * torch.arange(4)).sum(-1).diff(dim=-1)
    assert (moving >= -1e-6).all()


def test_attention_written_out_for_bfloat16_is_the_fused_one():
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 8, generator=g).bfloat16() for n in (5, 7, 7))
    mask = (torch.arange(7) < torch.tensor([[7], [4]]))[:, None, None, :]
    fused = torch.nn.functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask)
    torch.testing.assert_close(attend(q, k, v, mask).float(), fused, atol=0.02, rtol=0.02)
    assert torch.equal(attend(q.float(), k.float(), v.float(), mask), fused)
