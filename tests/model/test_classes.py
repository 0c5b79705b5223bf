"""Cross-entropy of classes that are never stored: PyTorch's own value and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dubber.model import classes
from dubber.model.classes import Predicted


def problem(seed: int = 0) -> tuple[torch.Tensor, nn.Linear, torch.Tensor, torch.Tensor]:
    """Hidden states [2, 3, 50, 8], a head of 21 classes, targets and a mask."""
    torch.manual_seed(seed)
    hidden = torch.randn(2, 3, 50, 8, requires_grad=True)
    mask = torch.arange(50) < torch.tensor([[50], [17]])
    return hidden, nn.Linear(8, 21), torch.randint(0, 21, (2, 3, 50)), mask


@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_value_and_gradients_are_pytorchs_whatever_the_slices(monkeypatch, rows):
    monkeypatch.setattr(classes, "ROWS", rows)
    hidden, head, targets, mask = problem()
    found = Predicted.by(head, hidden).cross_entropy(targets, mask)
    real = mask.unsqueeze(1).expand_as(targets)
    expected = F.cross_entropy(head(hidden)[real], targets[real], reduction="sum")
    torch.testing.assert_close(found, expected)
    leaves = (hidden, head.weight, head.bias)
    ours, theirs = (torch.autograd.grad(0.5 * loss, leaves) for loss in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_frozen_head_still_lets_the_hidden_states_learn():
    hidden, head, targets, mask = problem()
    head.requires_grad_(False)
    Predicted.by(head, hidden).cross_entropy(targets, mask).backward()
    assert head.weight.grad is None and hidden.grad.abs().sum() > 0


def test_a_padded_position_gets_no_gradient():
    hidden, head, targets, mask = problem()
    Predicted.by(head, hidden).cross_entropy(targets, mask).backward()
    assert not hidden.grad[1, :, 17:].any()


def test_under_autocast_the_products_are_bfloat16_and_the_loss_is_not():
    hidden, head, targets, mask = problem()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = Predicted.by(head, hidden)
    found, exact = predicted.cross_entropy(targets, mask), Predicted.by(head, hidden).cross_entropy(targets, mask)
    assert predicted.hidden.dtype == torch.bfloat16 and found.dtype == torch.float32
    assert found.item() == pytest.approx(exact.item(), rel=0.01)
