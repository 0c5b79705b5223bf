"""The probability path: closed forms, and what a wrong sign or axis would break."""

from __future__ import annotations

import pytest
import torch

from dubber.flow.path import SCHEDULERS, MixturePath

MASK = 9


def path(name: str = "quadratic") -> MixturePath:
    return MixturePath(SCHEDULERS[name], MASK)


def test_the_papers_scheduler_is_t_squared():
    t = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert SCHEDULERS["quadratic"].kappa(t).tolist() == [0.0, 0.0625, 0.25, 1.0]
    assert SCHEDULERS["quadratic"].kappa_dot(t).tolist() == [0.0, 0.5, 1.0, 2.0]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_rise_from_zero_to_one_with_the_right_slope_and_inverse(name):
    scheduler = SCHEDULERS[name]
    t = torch.linspace(0, 1, 101, dtype=torch.float64, requires_grad=True)
    kappa = scheduler.kappa(t)
    assert kappa[0].item() == pytest.approx(0) and kappa[-1].item() == pytest.approx(1)
    assert (kappa.diff() > 0).all()
    (slope,) = torch.autograd.grad(kappa.sum(), t)
    torch.testing.assert_close(scheduler.kappa_dot(t), slope)
    torch.testing.assert_close(scheduler.time(kappa), t, atol=1e-7, rtol=0)


def test_share_of_masked_positions_is_one_minus_t_squared():
    t = torch.tensor([0.1, 0.5, 0.8])
    x_1 = torch.randint(0, 9, (3, 200_000))
    masked = (path().sample(x_1, t, torch.Generator().manual_seed(0)) == MASK).float().mean(1)
    torch.testing.assert_close(masked, 1 - t**2, atol=0.004, rtol=0)


def test_all_masked_at_zero_and_none_at_one():
    x_1 = torch.randint(0, 9, (2, 4, 500))
    x_t = path().sample(x_1, torch.tensor([0.0, 1.0]))
    assert (x_t[0] == MASK).all()
    assert torch.equal(x_t[1], x_1[1])


def test_what_is_not_masked_is_the_data():
    x_1 = torch.randint(0, 9, (2, 4, 500))
    x_t = path().sample(x_1, torch.tensor([0.5, 0.5]))
    assert ((x_t == x_1) | (x_t == MASK)).all()
    assert (x_t == x_1).any() and (x_t == MASK).any()


def test_the_generator_decides_the_masking():
    x_1, t = torch.randint(0, 9, (2, 50)), torch.tensor([0.5, 0.7])
    draws = [path().sample(x_1, t, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_velocity_is_equation_8_element_by_element():
    posterior = torch.rand(2, 3, 4, dtype=torch.float64).softmax(-1)
    x_t = torch.tensor([[0, 3, 1], [2, 2, 0]])
    t = torch.tensor([0.3, 0.6], dtype=torch.float64)
    velocity = path().velocity(posterior, x_t, t)
    for b in range(2):
        for i in range(3):
            for x in range(4):
                rate = 2 * t[b] / (1 - t[b] ** 2)
                expected = rate * (posterior[b, i, x] - (1.0 if x == x_t[b, i] else 0.0))
                assert velocity[b, i, x].item() == pytest.approx(expected.item())


def test_velocity_is_a_rate_of_a_probability():
    """It sums to 0, and it is negative only where the position is."""
    posterior, x_t = torch.rand(2, 5, 7).softmax(-1), torch.randint(0, 7, (2, 5))
    velocity = path().velocity(posterior, x_t, torch.tensor([0.2, 0.9]))
    torch.testing.assert_close(velocity.sum(-1), torch.zeros(2, 5), atol=1e-5, rtol=0)
    here = torch.nn.functional.one_hot(x_t, 7).bool()
    assert (velocity[~here] >= 0).all() and (velocity[here] <= 0).all()


def test_velocity_carries_the_paths_marginal():
    """d/dt p_t(x | x_1) of the path is the velocity of its own posterior, averaged over p_t."""
    classes, x_1, t, h = 4, 2, 0.6, 1e-5
    mixture = MixturePath(SCHEDULERS["quadratic"], mask_id=3)

    def marginal(time: float) -> torch.Tensor:
        p = torch.zeros(classes, dtype=torch.float64)
        p[x_1], p[3] = time**2, 1 - time**2
        return p

    posterior = torch.nn.functional.one_hot(torch.tensor(x_1), classes).double()
    here = torch.arange(classes).unsqueeze(0)
    velocity = mixture.velocity(posterior.expand(1, classes, classes), here, torch.tensor([t], dtype=torch.float64))[0]
    slope = (marginal(t + h) - marginal(t - h)) / (2 * h)
    torch.testing.assert_close(marginal(t) @ velocity, slope, atol=1e-6, rtol=0)
