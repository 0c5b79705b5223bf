"""What the benchmark measures against computes the same: losses and gradients of both stages."""

from __future__ import annotations

import pytest
import torch

from benchmarks.plain import PARTS, make_fast, make_plain, plain_adamw
from dubber.model.dubber import Dubber
from dubber.model.settings import PartsSettings
from dubber.model.tts import TTS
from dubber.train.losses import stage1_losses, stage2_losses
from dubber.train.optimiser import make_optimiser
from dubber.train.settings import StageSettings
from tests.helpers.tiny_models import OBJECTIVE, SETTINGS, dub_batch, randomise

BATCH = dub_batch()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("parts", [PARTS, ("input",), ("attention",)])
@pytest.mark.parametrize("stage", [1, 2])
def test_plain_and_fast_forms_are_the_same_function(stage, parts):
    torch.manual_seed(0)
    teacher = randomise(TTS(SETTINGS, OBJECTIVE))
    student = randomise(Dubber(SETTINGS, OBJECTIVE, PartsSettings()))
    model = (teacher if stage == 1 else student).eval()

    def loss() -> torch.Tensor:
        if stage == 1:
            return stage1_losses(model(BATCH, seeded()), BATCH, OBJECTIVE).total
        return stage2_losses(model(BATCH, teacher, seeded()), BATCH, OBJECTIVE, PartsSettings()).total

    fast = loss()
    expected = gradients(model, fast)
    make_plain(model, parts)
    plain = loss()
    found = gradients(model, plain)
    assert plain.item() == pytest.approx(fast.item(), rel=1e-5)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-5, msg=name)
    make_fast(model)
    assert torch.equal(loss(), fast)


def test_plain_adamw_takes_the_same_steps():
    torch.manual_seed(0)
    models = [torch.nn.Linear(3, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    settings = StageSettings(steps=1)
    for model, make in zip(models, (make_optimiser, plain_adamw), strict=True):
        optimiser = make(model, settings)
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.ones(1, 3)).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(models[0].weight, models[1].weight)
