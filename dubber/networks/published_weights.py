"""Weight files that others publish: only tensors are read, and every key and shape must be the expected one."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import safe_globals

from dubber.errors import DubberError, MissingDataError, listed

COUNTER = ".num_batches_tracked"  # of a batch normalisation; nothing reads it when a network is only used


@dataclass(frozen=True)
class Published:
    """A weight file of the outside world, for the errors.

    Attributes:
        model: the network, as people call it.
        file: the file's published name.
        group: what `config/assets.csv` calls the group that holds it.
        source: who publishes it.
        part: the entry of the file's dictionary that holds the weights, where it holds training state as well.
        skipped: names before the first dot of keys that belong to parts of the network that are not used.
        stand_ins: classes of the pickled training state, by their full names, in whose place an empty object is read;
            nothing of the packages that they come from is imported or run.
    """

    model: str
    file: str
    group: str
    source: str
    part: str | None = None
    skipped: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        return f"`dubber fetch {self.group}` gets {self.file} ({self.source})."


def load_published(module: nn.Module, path: Path | str, published: Published) -> None:
    """Fill `module` from a file of the published keys and shapes, then freeze it.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it is damaged, holds anything but tensors by name, or its keys and shapes are not exactly
            those of `module`; then `module` stays as it was.
    """
    read = _read(Path(path), published).items()
    given = {key: tensor for key, tensor in read if key.partition(".")[0] not in published.skipped}
    own = module.state_dict()
    require_shapes({key: tuple(tensor.shape) for key, tensor in own.items()}, given, path, published)
    given = _without_counters(given)
    module.load_state_dict({**own, **given})
    module.eval().requires_grad_(False)


def _read(path: Path, published: Published) -> Mapping[str, Tensor]:
    """The tensors of a `.safetensors` file, or of a torch file's part; nothing else is unpickled."""
    if not path.is_file():
        raise MissingDataError(f"The weights of {published.model} are missing.", looked_at=path, hint=published.remedy)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with safe_globals([(_StandIn, name) for name in published.stand_ins]):
            weights = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # the unpickler stumbles over bytes in many ways
        raise DubberError(
            f"The weights of {published.model} are damaged, or hold more than tensors: {error}",
            looked_at=path,
            hint=f"Delete the file; {published.remedy}",
        ) from error
    if published.part is not None and isinstance(weights, Mapping):
        weights = weights.get(published.part)
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DubberError(
            f"The weights of {published.model} are not a dictionary of tensors.",
            looked_at=path,
            hint=published.remedy,
        )
    return weights


class _StandIn:
    """An object of a class that is not at hand, with its fields and without its methods."""


def _without_counters(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in weights.items() if not key.endswith(COUNTER)}


def require_shapes(
    expected: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor], path: Path | str, published: Published
) -> None:
    """Refuse weights that have not the expected keys with the expected shapes, or have others; counters do not count.

    Raises:
        DubberError: with every key that is missing, unexpected or of another shape.
    """
    expected, given = _without_counters(expected), _without_counters(given)
    findings = {
        "missing": [key for key in expected if key not in given],
        "unexpected": [key for key in given if key not in expected],
        "of the wrong shape": [
            f"{key} {tuple(given[key].shape)} instead of {shape}"
            for key, shape in expected.items()
            if key in given and tuple(given[key].shape) != shape
        ],
    }
    if any(findings.values()):
        faults = "; ".join(f"{len(keys)} {kind}: {listed(keys, 20)}" for kind, keys in findings.items() if keys)
        raise DubberError(
            f"This file does not hold the weights of {published.model}: {faults}",
            looked_at=path,
            hint=published.remedy,
        )
