"""Samplers against exhaustive computation, and what they must never emit."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from dubber.errors import ConfigError
from dubber.flow.path import SCHEDULERS, MixturePath
from dubber.flow.sampler import LAST_TIME, SAMPLERS, Confident, Exact, draw, make_sampler

MASK, CODES = 3, 3
JOINT = torch.tensor([[0.30, 0.05, 0.02], [0.01, 0.25, 0.07], [0.08, 0.02, 0.20]], dtype=torch.float64)
"""p_1 of a sequence of two codes from a vocabulary of three; rows are the first position."""


def exact_posterior(x_t: torch.Tensor) -> torch.Tensor:
    """p_{1|t} [4, 4, 2, 3] for every state of two positions; it does not depend on t while the mask is the source."""
    table = torch.full((4, 4, 2, CODES), 1 / CODES, dtype=torch.float64)
    for first, second in itertools.product(range(4), repeat=2):
        p = JOINT.clone()
        if first != MASK:
            p = p * torch.nn.functional.one_hot(torch.tensor(first), 3).unsqueeze(1)
        if second != MASK:
            p = p * torch.nn.functional.one_hot(torch.tensor(second), 3).unsqueeze(0)
        p = p / p.sum()
        table[first, second, 0], table[first, second, 1] = p.sum(1), p.sum(0)
    return table[x_t[:, 0], x_t[:, 1]]


def denoise(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return exact_posterior(x_t).log()


def distribution(name: str, nfe: int, rows: int = 60_000) -> torch.Tensor:
    start = torch.full((rows, 2), MASK)
    x = make_sampler(name, nfe).sample(denoise, start, mask_id=MASK, generator=torch.Generator().manual_seed(nfe))
    return torch.bincount(x[:, 0] * 3 + x[:, 1], minlength=9).double().reshape(3, 3) / rows


def statistical_error(p: torch.Tensor, rows: int = 60_000) -> torch.Tensor:
    return 4.5 * (p * (1 - p) / rows).sqrt()


@pytest.mark.parametrize("name", ["euler", "exact"])
def test_many_evaluations_draw_from_the_data(name):
    nfe = 200
    found = distribution(name, nfe)
    independent = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    leftover = 1 / nfe  # both positions may be drawn in the same step, as if they were independent
    bound = statistical_error(JOINT) + 2 * leftover * (independent - JOINT).abs()
    assert ((found - JOINT).abs() <= bound).all()


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_one_evaluation_draws_each_position_on_its_own(name):
    independent = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    assert ((distribution(name, 1) - independent).abs() <= statistical_error(independent)).all()


def test_the_papers_sampler_wastes_its_second_evaluation():
    """With kappa = t^2 the rate is 0 at t = 0: nothing moves before the last step."""
    independent = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    assert ((distribution("euler", 2) - independent).abs() <= statistical_error(independent)).all()


def test_exact_with_two_evaluations_matches_the_enumeration():
    """At times uniform in kappa each position is drawn in step 1 with probability 1/2, else in step 2."""
    independent = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    expected = 0.5 * independent + 0.5 * JOINT  # both in the same step, or one after the other
    assert ((distribution("exact", 2) - expected).abs() <= statistical_error(expected)).all()


def test_confident_unmasks_one_of_two_positions_per_evaluation():
    """Two positions, two evaluations: the second is always drawn knowing the first, whatever the order's bias."""
    found = distribution("confident", 2)
    impossible_under_independence = found.trace() - (JOINT.sum(1) * JOINT.sum(0)).sum()
    assert impossible_under_independence > 0.3


def test_euler_jumps_with_the_papers_probability():
    """One position, two codes, a denoiser that always answers 1: P(moved by step k) = 1 - prod exp(-h rate)."""
    nfe, rows = 8, 40_000
    seen = []

    def always_one(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append((t[0].item(), (x_t == 1).float().mean().item()))
        return torch.tensor([-50.0, 50.0]).expand(len(x_t), 1, 2)

    start = torch.full((rows, 1), 2)
    out = make_sampler("euler", nfe).sample(always_one, start, mask_id=2, generator=torch.Generator().manual_seed(0))
    assert (out == 1).all() and len(seen) == nfe
    h, stay = LAST_TIME / nfe, 1.0
    for k, (t, moved) in enumerate(seen):
        assert t == pytest.approx(k * h, abs=1e-6)
        assert moved == pytest.approx(1 - stay, abs=0.012)
        stay *= math.exp(-h * 2 * t / (1 - t**2))


def test_euler_may_change_what_it_has_unmasked_and_exact_may_not():
    def flips(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x_t), 4, 3)

    def changes(name: str) -> int:
        states = []

        def record(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            states.append(x_t.clone())
            return flips(x_t, t)

        start = torch.full((50, 4), MASK)
        states.append(
            make_sampler(name, 16).sample(record, start, mask_id=MASK, generator=torch.Generator().manual_seed(0))
        )
        return sum(int(((a != MASK) & (a != b)).sum()) for a, b in itertools.pairwise(states))

    assert changes("euler") > 0
    assert changes("exact") == changes("confident") == 0


def test_exact_spends_every_evaluation_on_an_equal_share():
    path = MixturePath(SCHEDULERS["quadratic"], MASK)
    torch.testing.assert_close(
        Exact(16).times(path), torch.sqrt(torch.arange(17, dtype=torch.float64) / 16), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("nfe", [1, 2, 7])
def test_pad_and_mask_are_never_emitted_even_if_the_denoiser_wants_them(name, nfe):
    pad, mask = 4, 5

    def wants_pad(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*x_t.shape, 6)
        logits[..., pad:] = 40.0
        return logits

    out = make_sampler(name, nfe).sample(wants_pad, torch.full((20, 3, 30), mask), mask_id=mask, forbidden=[pad])
    assert out.max() < pad


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_padding_and_other_given_values_stay(name):
    start = torch.tensor([[MASK, 1, MASK, 7], [2, MASK, 7, 7]])
    out = make_sampler(name, 5).sample(lambda x, t: torch.zeros(*x.shape, 3), start, mask_id=MASK)
    given = start != MASK
    assert torch.equal(out[given], start[given]) and (out[~given] < 3).all()


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_seed_repeats_a_sample_and_nfe_counts_evaluations(name):
    calls = []

    def counting(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        calls.append(t)
        return torch.zeros(*x_t.shape, 3)

    sampler, start = make_sampler(name, 6), torch.full((3, 20), MASK)
    outs = [
        sampler.sample(counting, start, mask_id=MASK, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert len(calls) == 18 and calls[0].shape == (3,)
    assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])


def test_low_temperature_takes_the_mode():
    logits = torch.tensor([0.0, 0.5, 0.2])
    out = make_sampler("exact", 4, temperature=0.01).sample(
        lambda x, t: logits.expand(*x.shape, 3), torch.full((10, 10), MASK), mask_id=MASK
    )
    assert (out == 1).all()


def test_a_draw_follows_its_probabilities_and_skips_zeros():
    p = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0], dtype=torch.float64)
    found = torch.bincount(draw(p.expand(100_000, 6), torch.Generator().manual_seed(0)), minlength=6) / 100_000
    torch.testing.assert_close(found.double(), p, atol=0.007, rtol=0)
    assert (found[p == 0] == 0).all()


@pytest.mark.parametrize("arguments", [{"name": "eular"}, {"scheduler": "t2"}, {"nfe": 0}, {"temperature": 0.0}])
def test_a_wrong_option_is_named(arguments):
    with pytest.raises(ConfigError):
        make_sampler(**{"name": "euler", "nfe": 4, **arguments})


def test_eulers_last_evaluation_replaces_every_position():
    """A denoiser that changes its mind at the end is followed by `euler` and only for what is masked by `exact`."""

    def ends_with(nfe: int) -> list[torch.Tensor]:
        outs = []
        for name in ("euler", "exact"):
            calls = []

            def fickle(x_t: torch.Tensor, t: torch.Tensor, calls: list = calls) -> torch.Tensor:
                calls.append(t)
                wanted = torch.tensor([0.0, 60.0] if len(calls) == nfe else [60.0, 0.0])
                return wanted.expand(*x_t.shape, 2)

            outs.append(make_sampler(name, nfe).sample(fickle, torch.full((4, 200), 2), mask_id=2))
        return outs

    euler, exact = ends_with(16)
    assert (euler == 1).all()
    assert (exact == 1).float().mean() < 0.2


def test_confident_begins_with_what_it_is_sure_of():
    sure = torch.tensor([[0.1, 0.0, 0.0], [9.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    states = []

    def record(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        states.append((x_t != MASK).tolist())
        return sure.expand(len(x_t), 3, 3)

    Confident(nfe=3, temperature=0.1, noise=0.0).sample(record, torch.full((1, 3), MASK), mask_id=MASK)
    assert states == [[[False, False, False]], [[False, True, False]], [[False, True, True]]]
