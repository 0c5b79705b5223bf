"""Reading published weight files: every fault is told, and nothing but tensors is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from dubber.errors import DubberError, MissingDataError
from dubber.networks.published_weights import Published, load_published
from tests.helpers.made_up_weights import made_up, shapes

PUBLISHED = Published(model="Toy", file="toy.pt", group="toys", source="the toy shop")


def toy() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


WHOLE = made_up(shapes(toy()))


def loaded(folder: Path, content: object) -> nn.Module:
    torch.save(content, folder / "toy.pt")
    module = toy()
    load_published(module, folder / "toy.pt", PUBLISHED)
    return module


def test_the_file_fills_the_module_and_freezes_it(tmp_path):
    module = loaded(tmp_path, WHOLE)
    assert all(torch.equal(module.state_dict()[key], tensor) for key, tensor in WHOLE.items())
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def without(key: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in WHOLE.items() if name != key}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (without("1.running_var"), "1 missing: 1.running_var"),
        ({**WHOLE, "extra": torch.zeros(1)}, "1 unexpected: extra"),
        ({**WHOLE, "0.weight": torch.zeros(4, 5)}, r"1 of the wrong shape: 0.weight \(4, 5\) instead of \(4, 3\)"),
        ({**without("2.bias"), "a": torch.zeros(1), "b": torch.zeros(1)}, "1 missing: 2.bias; 2 unexpected: a, b"),
        ({f"part{i:02}": torch.zeros(1) for i in range(30)}, "30 unexpected: .*part19 and 10 more"),
        ({"model": WHOLE}, "not a dictionary of tensors"),
        ([1, 2], "not a dictionary of tensors"),
    ],
)
def test_every_fault_is_listed(tmp_path, content, message):
    with pytest.raises(DubberError, match=message) as told:
        loaded(tmp_path, content)
    assert "dubber fetch toys" in str(told.value)
    assert "the toy shop" in str(told.value)


def test_a_refused_file_leaves_the_module_as_it_was(tmp_path):
    module = toy()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    torch.save({**WHOLE, "extra": torch.zeros(1)}, tmp_path / "toy.pt")
    with pytest.raises(DubberError):
        load_published(module, tmp_path / "toy.pt", PUBLISHED)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())


def test_counters_may_be_there_or_not(tmp_path):
    loaded(tmp_path, {**WHOLE, "1.num_batches_tracked": torch.tensor(7)})


def test_safetensors_and_the_old_torch_format_are_read_too(tmp_path):
    save_file(WHOLE, tmp_path / "toy.safetensors")
    torch.save(WHOLE, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("toy.safetensors", "old.pt"):
        module = toy()
        load_published(module, tmp_path / name, PUBLISHED)
        assert torch.equal(module.state_dict()["0.weight"], WHOLE["0.weight"])


def test_a_missing_file_names_the_command_that_fetches_it(tmp_path):
    with pytest.raises(MissingDataError, match="The weights of Toy are missing") as told:
        load_published(toy(), tmp_path / "toy.pt", PUBLISHED)
    assert "`dubber fetch toys` gets toy.pt" in str(told.value)


def test_code_in_a_file_is_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return Path.touch, (ran,)

    with pytest.raises(DubberError, match="more than tensors"):
        loaded(tmp_path, {**WHOLE, "extra": Hostile()})
    assert not ran.exists()


def test_a_damaged_file_is_told(tmp_path):
    torch.save(WHOLE, tmp_path / "toy.pt")
    (tmp_path / "toy.pt").write_bytes((tmp_path / "toy.pt").read_bytes()[:400])
    with pytest.raises(DubberError, match="damaged"):
        load_published(toy(), tmp_path / "toy.pt", PUBLISHED)
