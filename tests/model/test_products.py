"""Products by oneDNN: PyTorch's own numbers, and only where they are faster."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dubber.model import products
from dubber.model.products import Linear, linear


@pytest.fixture
def by_onednn(monkeypatch) -> list[torch.Size]:
    """As on a processor that MKL is slow on; the shapes of what oneDNN multiplied."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")
    seen, product = [], products._product

    def watched(x, weight, bias=None):
        seen.append(x.shape)
        return product(x, weight, bias)

    monkeypatch.setattr(products, "mkl_is_slow", lambda: True)
    monkeypatch.setattr(products, "_product", watched)
    return seen


SHAPES = [((7,), 5, 3), ((2, 9), 16, 4), ((2, 3, 5), 8, 11), ((1, 1), 4, 1)]


@pytest.mark.parametrize(("leading", "inputs", "outputs"), SHAPES)
@pytest.mark.parametrize("biased", [True, False])
def test_values_and_gradients_are_pytorchs(by_onednn, leading, inputs, outputs, biased):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(*leading, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    found, expected = [], []
    for call, results in ((linear, found), (F.linear, expected)):
        leaves = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
        leaves += [bias.clone().requires_grad_()] if biased else []
        y = call(*leaves)
        (y.sin() * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
        results += [y, *(leaf.grad for leaf in leaves)]
    assert len(by_onednn) == 3
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_parts_of_a_weight_and_turned_inputs(by_onednn):
    wide, x = torch.randn(12, 24, requires_grad=True), torch.randn(6, 2, 5).transpose(0, 2)
    for part in (wide.split(6, dim=1)[2], wide.split(4)[1][:, :6]):
        torch.testing.assert_close(linear(x, part), F.linear(x, part))
        one, other = (torch.autograd.grad(call(x, part).sum(), wide)[0] for call in (linear, F.linear))
        torch.testing.assert_close(one, other)
    assert by_onednn


def test_what_onednn_gets_lies_dense_in_memory(monkeypatch):
    seen = []
    monkeypatch.setattr(products, "mkl_is_slow", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda x, w, *_: (seen.extend((x, w)), x @ w.t())[1])
    wide, x = torch.randn(6, 24, requires_grad=True), torch.randn(2, 3, 8)[..., :6].requires_grad_()
    linear(x, wide.split(6, dim=1)[2]).sum().backward()
    assert len(seen) == 6 and all(part.is_contiguous() or part.t().is_contiguous() for part in seen)


def test_only_what_asks_for_a_gradient_gets_one(by_onednn):
    x, frozen = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    linear(x, frozen).sum().backward()
    assert len(by_onednn) == 2 and torch.allclose(x.grad, frozen.sum(0).expand(3, 4))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_formats_stay_pytorchs(by_onednn, dtype):
    x, weight = torch.randn(3, 4, dtype=dtype), torch.randn(5, 4, dtype=dtype)
    assert torch.equal(linear(x, weight), F.linear(x, weight)) and not by_onednn


def test_autocast_and_nothing_stay_pytorchs(by_onednn):
    x, weight = torch.randn(3, 4), torch.randn(5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear(x, weight).dtype == torch.bfloat16
    assert linear(x[:0], weight).shape == (0, 5) and not by_onednn


@pytest.mark.parametrize(
    ("made_by", "width", "slow"),
    [
        ("vendor_id : GenuineIntel", "AVX512", False),
        ("vendor_id : AuthenticAMD", "AVX512", True),
        ("vendor_id : AuthenticAMD", "AVX2", False),
        (None, "AVX512", False),
    ],
)
def test_the_processor_decides(monkeypatch, tmp_path, made_by, width, slow):
    file = tmp_path / "cpuinfo"
    if made_by:
        file.write_text(made_by + "\n")
    monkeypatch.setattr(products, "CPUINFO", file)
    for name in ("mkl", "mkldnn"):
        monkeypatch.setattr(getattr(torch.backends, name), "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: width)
    assert products.mkl_is_slow.__wrapped__() == slow


def test_the_layer_keeps_pytorchs_names_and_start():
    torch.manual_seed(0)
    ours = Linear(4, 3)
    torch.manual_seed(0)
    theirs = nn.Linear(4, 3)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in theirs.state_dict().items())
