"""Checkpoints: whole, or seen not to be."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from dubber.errors import DubberError
from dubber.train import checkpoint
from dubber.train.checkpoint import Checkpoints


def tensors(value: float) -> dict:
    return {"model": {"w": torch.full((4,), value)}, "optimiser": {"w/step": torch.tensor(value)}}


@pytest.fixture
def saved(tmp_path) -> Checkpoints:
    """Checkpoints of steps 1 and 2."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    for step in (1, 2):
        checkpoints.save(step, tensors(step), {"seconds": step / 2})
    return checkpoints


def names(checkpoints: Checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.folder.iterdir())


def test_the_newest_comes_back_as_it_was_saved(saved):
    found = saved.latest()
    assert (found.step, found.state["seconds"]) == (2, 1.0)
    assert torch.equal(found.tensors("model")["w"], torch.full((4,), 2.0))
    assert found.tensors("optimiser")["w/step"].shape == ()


def test_there_may_be_none(tmp_path):
    assert Checkpoints(tmp_path / "nowhere", keep=1).latest() is None


def test_only_the_newest_are_kept(saved):
    saved.save(3, tensors(3), {})
    assert names(saved) == ["step-000000002", "step-000000003"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_broken_one_is_passed_over_with_a_warning(saved, caplog, file, damage):
    path = saved.folder / "step-000000002" / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\0" + content[1:])
    assert saved.latest().step == 1
    assert "step-000000002" in caplog.text


def test_a_broken_one_never_pushes_out_a_whole_one(saved):
    (saved.folder / "step-000000002" / "state.json").unlink()
    last = Checkpoints(saved.folder, keep=1)
    last.save(1, tensors(9), {})  # the run went on from before, and is not yet at step 2 again
    assert last.latest().step == 1 and names(last) == ["step-000000001"]


@pytest.mark.parametrize("call", ["save_file", "_sync"])
def test_a_full_disk_leaves_the_others_whole_and_nothing_behind(saved, monkeypatch, call):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, call, full)
    with pytest.raises(DubberError, match="No space left") as error:
        saved.save(3, tensors(3), {})
    assert "step-000000002" in str(error.value)
    assert names(saved) == ["step-000000001", "step-000000002"]
    assert saved.latest().step == 2


def test_what_a_kill_left_unfinished_is_not_taken_and_is_removed(saved):
    unfinished = saved.folder / ".unfinished-step-000000003"
    unfinished.mkdir()
    (unfinished / "model.safetensors").write_bytes(b"half")
    assert saved.latest().step == 2
    saved.save(3, tensors(3), {})
    assert names(saved) == ["step-000000002", "step-000000003"]


def test_the_checksum_is_written_last(saved, monkeypatch):
    written: list[str] = []
    sync = checkpoint._sync
    monkeypatch.setattr(checkpoint, "_sync", lambda path: (written.append(path.name), sync(path)))
    saved.save(3, tensors(3), {})
    assert written[:2] == ["model.safetensors", "optimiser.safetensors"]
    assert written[2:] == [".unfinished-step-000000003", "checkpoints"]
