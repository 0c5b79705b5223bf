"""Samplers against exhaustive computation, and what they must never emit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks.plain_sampler import plain_euler
from dubber.errors import ConfigError
from dubber.flow import sampler as sampler_module
from dubber.flow.path import SCHEDULERS, MixturePath
from dubber.flow.sampler import LAST_TIME, SAMPLERS, Confident, Corrector, Denoise, Exact, Sampler, draw, make_sampler

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


def asked(everywhere: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Denoise:
    """A denoiser that answers everywhere, as one that answers where it is asked."""
    return lambda x_t, t, wanted: everywhere(x_t, t)[wanted]


def joint_logits(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return exact_posterior(x_t).log()


def frequencies(x: torch.Tensor) -> torch.Tensor:
    return torch.bincount(x[:, 0] * 3 + x[:, 1], minlength=9).double().reshape(3, 3) / len(x)


def distribution(name: str | Sampler, nfe: int, rows: int = 60_000) -> torch.Tensor:
    sampler = make_sampler(name, nfe) if isinstance(name, str) else name
    start, generator = torch.full((rows, 2), MASK), torch.Generator().manual_seed(nfe)
    return frequencies(sampler.sample(asked(joint_logits), start, mask_id=MASK, generator=generator))


def statistical_error(p: torch.Tensor, rows: int = 60_000) -> torch.Tensor:
    return 4.5 * (p * (1 - p) / rows).sqrt()


def moves(p_mask: float, p_draw: float, keeps: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """The kernel [4, 4, 4, 4] of one step on two positions, state -> state: mask again, then draw."""
    masking = (1 - p_mask) * torch.eye(4, dtype=torch.float64)
    masking[:, MASK] += p_mask
    masking[MASK] = torch.eye(4, dtype=torch.float64)[MASK]

    def step(p: torch.Tensor) -> torch.Tensor:
        p = masking.T @ p @ masking
        after = torch.zeros_like(p)
        for first, second in itertools.product(range(4), repeat=2):
            posterior = exact_posterior(torch.tensor([[first, second]]))[0]
            rows = []
            for state, drawn in ((first, posterior[0]), (second, posterior[1])):
                free = state == MASK or not keeps
                row = (1 - p_draw * free) * torch.nn.functional.one_hot(torch.tensor(state), 4).double()
                rows.append(row + p_draw * free * torch.cat([drawn, drawn.new_zeros(1)]))
            after += p[first, second] * torch.outer(*rows)
        return after

    return step


def enumerated(name: str, nfe: int, churn: float = 1.0) -> list[torch.Tensor]:
    """The distribution over all 16 states before each step and at the end, by exhaustive computation."""
    p = torch.zeros(4, 4, dtype=torch.float64)
    p[MASK, MASK] = 1
    out, h = [p], LAST_TIME / nfe
    for k in range(nfe):
        last, again = k == nfe - 1, 0.0
        if name == "euler":
            draws = 1 - math.exp(-h * 2 * (k * h) / (1 - (k * h) ** 2))
        else:  # kappa is k / nfe at step k
            earlier = max(0.0, k - churn) if name == "corrector" else k
            again = 1 - earlier / k if k else 0.0
            draws = (k + 1 - earlier) / (nfe - earlier)
        p = moves(again, 1.0 if last else draws, keeps=name != "euler")(p)
        out.append(p)
    return out


@pytest.mark.parametrize("nfe", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["euler", "exact", "corrector"])
def test_what_is_drawn_has_the_distribution_of_the_enumerated_chain(name, nfe):
    expected = enumerated(name, nfe)[-1]
    assert expected[MASK].sum() + expected[:, MASK].sum() == pytest.approx(0, abs=1e-12)
    assert ((distribution(name, nfe) - expected[:3, :3]).abs() <= statistical_error(expected[:3, :3])).all()


@pytest.mark.parametrize("nfe", [1, 2, 5])
def test_the_plain_sampler_and_the_papers_draw_from_the_same_distribution(nfe):
    rows, path = 60_000, MixturePath(SCHEDULERS["quadratic"], MASK)
    x = plain_euler(joint_logits, torch.full((rows, 2), MASK), path, nfe, generator=torch.Generator().manual_seed(nfe))
    expected = enumerated("euler", nfe)[-1][:3, :3]
    assert ((frequencies(x) - expected).abs() <= statistical_error(expected)).all()


@pytest.mark.parametrize("churn", [0.0, 0.5, 1.0, 3.0])
def test_the_corrector_keeps_the_paths_share_of_masked_positions(churn):
    """P(mask) = 1 - kappa_t at every time of the grid, however much is taken back, in the chain and in the code."""
    nfe, rows, seen = 6, 60_000, []

    def record(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append((t[0].item(), (x_t == MASK).double().mean().item()))
        return joint_logits(x_t, t)

    sampler = Corrector(nfe=nfe, churn=churn)
    sampler.sample(asked(record), torch.full((rows, 2), MASK), mask_id=MASK, generator=torch.Generator().manual_seed(0))
    for k, ((s, masked), p) in enumerate(zip(seen, enumerated("corrector", nfe, churn), strict=False)):
        assert p[MASK].sum().item() == pytest.approx(1 - k / nfe)
        assert s == pytest.approx(math.sqrt(max(0, k - churn) / nfe), abs=1e-6)
        assert masked == pytest.approx(1 - s**2, abs=0.008)


def test_a_corrector_that_takes_nothing_back_is_exact():
    assert (distribution(Corrector(3, churn=0.0), 3) - enumerated("exact", 3)[-1][:3, :3]).abs().max() < 0.01


def test_steps_of_equal_share_are_nearer_to_the_data_than_eulers():
    """At the same number of evaluations, by enumeration. Two positions go wrong only where both are drawn at once."""

    def error(name: str, nfe: int) -> float:
        return (enumerated(name, nfe)[-1][:3, :3] - JOINT).abs().sum().item()

    assert error("exact", 16) < 0.7 * error("euler", 16)
    assert error("exact", 16) < error("corrector", 16) < error("euler", 16)  # it draws twice as much at once


@pytest.mark.parametrize("name", ["euler", "exact", "corrector"])
def test_many_evaluations_draw_from_the_data(name):
    nfe, rows = 100, 30_000
    found = distribution(name, nfe, rows)
    independent = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    leftover = 1 / nfe  # both positions may be drawn in the same step, as if they were independent
    bound = statistical_error(JOINT, rows) + 2 * leftover * (independent - JOINT).abs()
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
    generator = torch.Generator().manual_seed(0)
    out = make_sampler("euler", nfe).sample(asked(always_one), start, mask_id=2, generator=generator)
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
            make_sampler(name, 16).sample(
                asked(record), start, mask_id=MASK, generator=torch.Generator().manual_seed(0)
            )
        )
        return sum(int(((a != MASK) & (a != b)).sum()) for a, b in itertools.pairwise(states))

    assert changes("euler") > 0 and changes("corrector") > 0
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

    out = make_sampler(name, nfe).sample(asked(wants_pad), torch.full((20, 3, 30), mask), mask_id=mask, forbidden=[pad])
    assert out.max() < pad


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_padding_and_other_given_values_stay(name):
    start = torch.tensor([[MASK, 1, MASK, 7], [2, MASK, 7, 7]])
    out = make_sampler(name, 5).sample(asked(lambda x, t: torch.zeros(*x.shape, 3)), start, mask_id=MASK)
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
        sampler.sample(asked(counting), start, mask_id=MASK, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert len(calls) == 18 and calls[0].shape == (3,)
    assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_each_evaluation_is_told_once(name):
    told = []
    sampler = replace(make_sampler(name, 6), on_evaluation=lambda: told.append(1))
    uniform = asked(lambda x, t: torch.zeros(*x.shape, 3))
    out = sampler.sample(uniform, torch.full((2, 5), MASK), mask_id=MASK, generator=torch.Generator().manual_seed(0))
    assert len(told) == 6 and sampler == make_sampler(name, 6)
    assert torch.equal(
        out,
        make_sampler(name, 6).sample(
            uniform, torch.full((2, 5), MASK), mask_id=MASK, generator=torch.Generator().manual_seed(0)
        ),
    )


def test_low_temperature_takes_the_mode():
    logits = torch.tensor([0.0, 0.5, 0.2])
    out = make_sampler("exact", 4, temperature=0.01).sample(
        asked(lambda x, t: logits.expand(*x.shape, 3)), torch.full((10, 10), MASK), mask_id=MASK
    )
    assert (out == 1).all()


def test_a_draw_follows_its_probabilities_and_skips_zeros():
    p = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0], dtype=torch.float64)
    u = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    found = torch.bincount(draw(p.expand(100_000, 6), u), minlength=6) / 100_000
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

            outs.append(make_sampler(name, nfe).sample(asked(fickle), torch.full((4, 200), 2), mask_id=2))
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

    Confident(nfe=3, temperature=0.1, noise=0.0).sample(asked(record), torch.full((1, 3), MASK), mask_id=MASK)
    assert states == [[[False, False, False]], [[False, True, False]], [[False, True, True]]]


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_row_is_drawn_alike_alone_and_in_a_batch_given_the_same_draws(name, monkeypatch):
    """Rows of other lengths beside it, and their padding, change nothing."""
    rows, length = 3, 12
    noise = torch.rand(50, rows, length, generator=torch.Generator().manual_seed(5))

    def neighbours(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        near = torch.nn.functional.one_hot(x_t.roll(1, -1).clamp(max=MASK), 4)[..., :3]
        return 2.0 * near + t.reshape(-1, 1, 1)

    def sampled(start: torch.Tensor, row: slice) -> torch.Tensor:
        draws = iter(noise[:, row, : start.shape[1]])
        monkeypatch.setattr(sampler_module, "uniform", lambda shape, device, generator: next(draws))
        return make_sampler(name, 5).sample(asked(neighbours), start, mask_id=MASK)

    start = torch.full((rows, length), MASK)
    start[1, 8:] = 7
    together = sampled(start, slice(0, rows))
    for row in range(rows):
        assert torch.equal(together[row : row + 1], sampled(start[row : row + 1], slice(row, row + 1)))


def test_logits_are_made_only_where_a_position_may_change():
    """Each position once by `exact`, once more for what is taken back, and all that is still masked by `confident`."""
    shape, nfe = (8, 4, 50), 8
    counts = {}
    for name in SAMPLERS:
        asked_for = []

        def count(x_t: torch.Tensor, t: torch.Tensor, wanted: torch.Tensor, found: list = asked_for) -> torch.Tensor:
            found.append(int(wanted.sum()))
            return torch.zeros(found[-1], 3)

        make_sampler(name, nfe).sample(count, torch.full(shape, MASK), mask_id=MASK)
        counts[name] = sum(asked_for) / math.prod(shape)
    assert counts["exact"] == 1 and counts["euler"] < 3
    assert counts["corrector"] == pytest.approx(1 + (nfe - 1) / nfe, abs=0.15)
    assert counts["confident"] == pytest.approx((nfe + 1) / 2, abs=0.1)
