"""Training data: which clips a run sees, and batches made from them.

Shapes: B batch, N phonemes, F video frames, T speech tokens, S speaker width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dubber.artifacts import read_table
from dubber.errors import DubberError, listed
from dubber.model.batch import Batch, DubBatch, mask, pad
from dubber.model.settings import ModelSettings
from dubber.train.arrow import LISTS, Packed, open_packed

log = logging.getLogger(__name__)

STREAMS = 6


@dataclass(frozen=True)
class Splits:
    """Names of the clips to train and to validate on."""

    train: set[str]
    val: set[str]


def read_splits(manifests: Sequence[Path | str]) -> Splits:
    """The splits of all corpora together.

    Raises:
        DubberError: two corpora share the name of a clip, so that its artifacts could not be told apart.
    """
    seen: set[str] = set()
    splits: dict[str, set[str]] = {"train": set(), "val": set()}
    for path in manifests:
        table = read_table(path, ["clip", "split"])
        names = table.column("clip").to_pylist()
        if shared := seen & set(names):
            raise DubberError(
                f"Two corpora have clips of the same name: {listed(sorted(shared))}.",
                looked_at=path,
                hint="Train on one of them, or rename the clips of the other.",
            )
        seen.update(names)
        for clip, split in zip(names, table.column("split").to_pylist(), strict=True):
            if split in splits:
                splits[split].add(clip)
    return Splits(**splits)


@dataclass(frozen=True)
class ClipSet:
    """Clips that can be batched by number.

    Attributes:
        packed: the file that holds them.
        rows: int64 [clips], their places in it.
        model: decides widths and the padding id.
    """

    packed: Packed = field(repr=False)
    rows: np.ndarray = field(repr=False)
    model: ModelSettings = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def clips(self) -> tuple[str, ...]:
        """Names, sorted."""
        return self.packed.names(self.rows)

    @cached_property
    def lengths(self) -> np.ndarray:
        """T of each clip, int64 [clips]."""
        return self.packed.lists["ids"].lengths[self.rows] // STREAMS

    def some(self, count: int, seed: int) -> ClipSet:
        """At most `count` of the clips, chosen by `seed`."""
        chosen = np.random.default_rng(seed).permutation(len(self))[:count]
        return ClipSet(self.packed, self.rows[np.sort(chosen)], self.model)

    def batch(self, indices: Iterable[int]) -> Batch:
        """Pad clips to a `Batch`, or to a `DubBatch` where there are features."""
        rows = [int(self.rows[i]) for i in indices]
        column = {name: [lists[row] for row in rows] for name, lists in self.packed.lists.items()}
        phonemes = pad(column["phonemes"], torch.long)
        tokens = [ids.reshape(STREAMS, -1).T for ids in column["ids"]]
        stage1: dict[str, Any] = {
            "clips": self.packed.names(rows),
            "phonemes": phonemes,
            "phoneme_mask": mask(column["phonemes"]),
            "token_durations": pad(column["token_durations"], torch.long),
            "tokens": pad(tokens, torch.long, self.model.pad).transpose(1, 2).contiguous(),
            "token_mask": mask(tokens),
            "speaker": pad(column["speaker"], torch.float32),
        }
        return DubBatch(**stage1, **self._video(column)) if "lips" in column else Batch(**stage1)

    def _video(self, column: Mapping[str, list[np.ndarray]]) -> dict[str, Any]:
        lips = [values.reshape(-1, self.model.lip_features) for values in column["lips"]]
        faces = [values.reshape(-1, self.model.face_features) for values in column["faces"]]
        return {
            "lips": pad(lips, torch.float32),
            "faces": pad(faces, torch.float32),
            "frame_mask": mask(lips),
            "frame_durations": pad(column["frame_durations"], torch.long),
        }


@dataclass(frozen=True)
class TrainingData:
    """The clips of a run; `val` may be empty."""

    train: ClipSet
    val: ClipSet


def open_data(packed: Path | str, model: ModelSettings, max_clip_tokens: int) -> TrainingData:
    """Open a file that `dubber.train.arrow.pack` made; clips that are too long are left out.

    Args:
        max_clip_tokens: the longest T.

    Raises:
        DubberError: no training clip is left, or the data contradict each other or the model's widths.
    """
    opened = open_packed(packed)
    short = opened.lists["ids"].lengths <= STREAMS * max_clip_tokens
    log.info("data: %d clips; %d more are longer than %d tokens", short.sum(), (~short).sum(), max_clip_tokens)
    _check(opened, short, model)
    splits = (opened.rows(split) for split in ("train", "val"))
    train, val = (ClipSet(opened, rows[short[rows]], model) for rows in splits)
    if not len(train):
        raise DubberError(
            "There is no clip to train on.",
            looked_at=packed,
            hint="Look into the failures.parquet files of the tokens, durations and features, and at max_clip_tokens.",
        )
    return TrainingData(train, val)


def _check(packed: Packed, wanted: np.ndarray, model: ModelSettings) -> None:
    """Refuse clips that do not fit the model, before a tensor operation fails; `wanted` bool [rows]."""
    length = {name: packed.lists[name].lengths for name in LISTS if name in packed.lists}
    summary, tokens = packed.summaries, length["ids"] // STREAMS
    claims = {
        "width of the speaker vector": (length["speaker"], model.speaker_dim),
        "tokens in the durations and in the codec's output": (summary["tokens"], tokens),
        "numbers of phonemes and of durations": (length["phonemes"], length["token_durations"]),
        "codes above the codec's vocabulary": (np.maximum(summary["highest_id"] - model.vocab + 1, 0), 0),
        "phonemes above the vocabulary": (np.maximum(summary["highest_phoneme"] - model.phoneme_vocabulary + 1, 0), 0),
    }
    if "lips" in length:
        frames = summary["frames"].astype(np.int64)
        claims |= {
            "lip features per frame of the durations": (length["lips"], frames * model.lip_features),
            "face features per frame of the durations": (length["faces"], frames * model.face_features),
            "tokens for the number of frames": (tokens, model.tokens_in(frames)),
        }
    for what, (found, expected) in claims.items():
        wrong = np.flatnonzero((found != expected) & wanted)
        if len(wrong):
            row = int(wrong[0])
            raise DubberError(
                f"The data of clip {packed.names([row])[0]} do not fit: {what}: {found[row]}, "
                f"expected {np.broadcast_to(np.asarray(expected), found.shape)[row]}.",
                looked_at="tokens, durations and feature shards, and the model's size",
                hint="An artifact is out of date, or the experiment's `size` was made for another codec or features.",
            )
