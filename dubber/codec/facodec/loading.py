"""Strict loading of the published checkpoints.

A module states in `PUBLISHED_NAMES` what the published checkpoint calls those of its parts that have another name
here. From these and from the shapes of our own tensors follow all keys and shapes that a checkpoint must have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dubber.codec.facodec.weight_norm import Folded, fold
from dubber.errors import DubberError, listed

SOURCE = "Hugging Face: amphion/naturalspeech3_facodec"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """One of our tensors and the published ones that fill it: itself, or a weight-normed pair to fold."""

    target: Tensor
    sources: Mapping[str, Shape]

    def fill(self, state_dict: Mapping[str, Tensor]) -> None:
        tensors = [state_dict[key] for key in self.sources]
        self.target.copy_(fold(*tensors) if len(tensors) == 2 else tensors[0])


def slots(module: nn.Module, prefix: str = "") -> Iterator[Slot]:
    """The tensors of `module` and of all below it, under their published names."""
    names = getattr(module, "PUBLISHED_NAMES", {})
    for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        key, shape = prefix + names.get(name, name), tuple(tensor.shape)
        if name == "weight" and isinstance(module, Folded):
            yield Slot(tensor, {f"{key}_g": shape[:1] + (1,) * (len(shape) - 1), f"{key}_v": shape})
        else:
            yield Slot(tensor, {key: shape})
    for name, child in module.named_children():
        yield from slots(child, f"{prefix}{names.get(name, name)}.")


@torch.no_grad()
def load_published(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    *,
    file: str,
    v2_parts: Collection[str],
    skipped_parts: Collection[str] = (),
) -> None:
    """Fill `module` from a published checkpoint, then freeze it.

    Args:
        state_dict: the checkpoint's dictionary, all of it.
        file: the published file's name, for the errors.
        v2_parts: names before the first dot of a key that only a v2 checkpoint has.
        skipped_parts: names before the first dot of keys that are left out.

    Raises:
        DubberError: the checkpoint is of v2, or its keys and shapes are not exactly those expected.
    """
    _refuse_v2(state_dict, v2_parts, file)
    given = {key: tensor for key, tensor in state_dict.items() if _part(key) not in skipped_parts}
    filled = list(slots(module))
    _compare({key: shape for slot in filled for key, shape in slot.sources.items()}, given, file)
    for slot in filled:
        slot.fill(given)
    module.eval().requires_grad_(False)


def _part(key: str) -> str:
    return key.partition(".")[0]


def _refuse_v2(state_dict: Mapping[str, Tensor], v2_parts: Collection[str], file: str) -> None:
    marks = sorted({_part(key) for key in state_dict} & set(v2_parts))
    if marks:
        raise DubberError(
            "This is a FACodec v2 checkpoint; only v1 is supported.",
            looked_at=f"the keys of {', '.join(marks)}, which v1 does not have",
            hint=f"Take {file} ({SOURCE}), without `_v2` in its name.",
        )


def _compare(expected: Mapping[str, Shape], given: Mapping[str, Tensor], file: str) -> None:
    """Raise unless `given` has the expected keys with the expected shapes and no others."""
    wrong = [
        f"{key} {tuple(given[key].shape)} instead of {shape}"
        for key, shape in expected.items()
        if key in given and tuple(given[key].shape) != shape
    ]
    findings = {
        "missing": [key for key in expected if key not in given],
        "unexpected": [key for key in given if key not in expected],
        "of the wrong shape": wrong,
    }
    if any(findings.values()):
        raise DubberError(
            f"The checkpoint is not that of FACodec v1, {file}.",
            looked_at="; ".join(f"{len(keys)} {kind}: {listed(keys, 20)}" for kind, keys in findings.items() if keys),
            hint=f"Take {file} from {SOURCE}. Other networks that are called FACodec do not fit.",
        )
