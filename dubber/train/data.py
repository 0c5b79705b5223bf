"""Training data: the artifacts of many clips in memory, as compact as they are stored, and batches made from them.

Letters: B batch, N phonemes, F video frames, T speech tokens, S speaker width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from dubber.artifacts import read_table
from dubber.corpus.manifest import load_manifest
from dubber.errors import DubberError
from dubber.model.batch import Batch, DubBatch
from dubber.model.settings import ModelSettings

log = logging.getLogger(__name__)

STREAMS = 6
NAMED = 5  # clips that a message names


class Lists:
    """One list of numbers per clip, kept as views of the shards that they were read from."""

    def __init__(self) -> None:
        self._views: dict[str, np.ndarray] = {}

    def add(self, clips: Sequence[str], column: pa.ListArray, wanted: set[str]) -> None:
        """Take over a column of a shard; a clip that is not wanted or whose list is null is passed over."""
        values, offsets = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy()
        present = column.is_valid().to_numpy(zero_copy_only=False)
        for i, clip in enumerate(clips):
            if present[i] and clip in wanted:
                self._views[clip] = values[offsets[i] : offsets[i + 1]]

    def __getitem__(self, clip: str) -> np.ndarray:
        return self._views[clip]

    def __contains__(self, clip: str) -> bool:
        return clip in self._views

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)


def read_lists(paths: Iterable[Path | str], columns: Sequence[str], wanted: set[str]) -> dict[str, Lists]:
    """The list columns of all shards, of the wanted clips only.

    The rest of a shard stays in memory beside them: cutting it out would cost more time than it saves space.
    """
    lists = {name: Lists() for name in columns}
    for path in paths:
        for batch in read_table(path, ["clip", *columns]).to_batches():
            clips = batch.column("clip").to_pylist()
            for name in columns:
                lists[name].add(clips, batch.column(name), wanted)
    return lists


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
    loaded = [load_manifest(path) for path in manifests]
    seen: set[str] = set()
    for path, manifest in zip(manifests, loaded, strict=True):
        names = {row["clip"] for row in manifest.all_rows}
        if shared := seen & names:
            raise DubberError(
                f"Two corpora have clips of the same name: {_some(shared)}.",
                looked_at=path,
                hint="Train on one of them, or rename the clips of the other.",
            )
        seen |= names
    return Splits(*(set().union(*(manifest.clips(split) for manifest in loaded)) for split in ("train", "val")))


@dataclass(frozen=True)
class ClipSet:
    """Clips that can be batched by number.

    Attributes:
        clips: names, sorted.
        columns: ids, speaker, phonemes, token_durations; for stage 2 also frame_durations, lips and faces.
        model: decides widths and the padding id.
    """

    clips: tuple[str, ...]
    columns: Mapping[str, Lists] = field(repr=False)
    model: ModelSettings = field(repr=False)

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def lengths(self) -> np.ndarray:
        """T of each clip, int64."""
        return np.array([len(self.columns["ids"][clip]) // STREAMS for clip in self.clips], dtype=np.int64)

    def some(self, count: int, seed: int) -> ClipSet:
        """At most `count` of the clips, chosen by `seed`."""
        chosen = np.random.default_rng(seed).permutation(len(self))[:count]
        return ClipSet(tuple(self.clips[i] for i in sorted(chosen)), self.columns, self.model)

    def batch(self, indices: Iterable[int]) -> Batch:
        """Pad clips to a `Batch`, or to a `DubBatch` where there are features."""
        clips = tuple(self.clips[i] for i in indices)
        column = {name: [lists[clip] for clip in clips] for name, lists in self.columns.items()}
        phonemes = pad(column["phonemes"], torch.long)
        tokens = [ids.reshape(STREAMS, -1).T for ids in column["ids"]]
        stage1 = {
            "clips": clips,
            "phonemes": phonemes,
            "phoneme_mask": mask(column["phonemes"]),
            "token_durations": pad(column["token_durations"], torch.long),
            "tokens": pad(tokens, torch.long, self.model.pad).transpose(1, 2).contiguous(),
            "token_mask": mask(tokens),
            "speaker": pad(column["speaker"], torch.float32),
        }
        return DubBatch(**stage1, **self._video(column)) if "lips" in column else Batch(**stage1)

    def _video(self, column: Mapping[str, list[np.ndarray]]) -> dict[str, Tensor]:
        lips = [values.reshape(-1, self.model.lip_features) for values in column["lips"]]
        faces = [values.reshape(-1, self.model.face_features) for values in column["faces"]]
        return {
            "lips": pad(lips, torch.float32),
            "faces": pad(faces, torch.float32),
            "frame_mask": mask(lips),
            "frame_durations": pad(column["frame_durations"], torch.long),
        }


def pad(rows: Sequence[np.ndarray], dtype: torch.dtype, value: float = 0) -> Tensor:
    """Arrays [L_i, ...] -> [B, max L_i, ...], `value` past each row's end."""
    padded = torch.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), value, dtype=dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = torch.from_numpy(np.array(row))
    return padded


def mask(rows: Sequence[np.ndarray]) -> Tensor:
    """Arrays [L_i, ...] -> bool [B, max L_i], True before each row's end."""
    lengths = torch.tensor([len(row) for row in rows])
    return torch.arange(int(lengths.max())) < lengths.unsqueeze(1)


@dataclass(frozen=True)
class TrainingData:
    """What a run sees; `val` may be empty."""

    train: ClipSet
    val: ClipSet


def read_data(
    model: ModelSettings,
    *,
    tokens: Sequence[Path | str],
    matrix: Sequence[Path | str],
    manifests: Sequence[Path | str],
    features: Sequence[Path | str] = (),
    max_clip_tokens: int,
) -> TrainingData:
    """Read all shards; clips that an artifact lacks, or that are too long, are left out.

    Args:
        features: given for stage 2.
        max_clip_tokens: the longest T.

    Raises:
        DubberError: no training clip is left, or the artifacts contradict each other or the model's widths.
    """
    splits = read_splits(manifests)
    wanted = splits.train | splits.val
    durations = ("frame_durations",) if features else ()
    columns = read_lists(tokens, ("ids", "speaker"), wanted)
    columns |= read_lists(matrix, ("phonemes", "token_durations", *durations), wanted)
    columns |= read_lists(features, ("lips", "faces"), wanted) if features else {}
    whole = {clip for clip in wanted if all(clip in lists for lists in columns.values())}
    short = {clip for clip in whole if len(columns["ids"][clip]) <= STREAMS * max_clip_tokens}
    log.info(
        "data: %d clips; %d lack an artifact, %d are longer than %d tokens",
        len(short),
        len(wanted) - len(whole),
        len(whole) - len(short),
        max_clip_tokens,
    )
    for clip in sorted(short):
        _check(clip, {name: lists[clip] for name, lists in columns.items()}, model)
    train, val = (ClipSet(tuple(sorted(names & short)), columns, model) for names in (splits.train, splits.val))
    if not len(train):
        raise DubberError(
            "There is no clip to train on.",
            looked_at=", ".join(map(str, manifests)),
            hint="Look into the failures.parquet files of the tokens, matrix and features, and at max_clip_tokens.",
        )
    return TrainingData(train, val)


def _check(clip: str, row: Mapping[str, np.ndarray], model: ModelSettings) -> None:
    """Say what does not fit before a tensor operation says it in its own words."""
    claims: list[tuple[str, Any, Any]] = [
        ("width of the speaker vector", len(row["speaker"]), model.speaker_dim),
        ("tokens in the matrix and in the codec's output", row["token_durations"].sum(), len(row["ids"]) // STREAMS),
        ("numbers of phonemes and of durations", len(row["phonemes"]), len(row["token_durations"])),
    ]
    if "lips" in row:
        frames = int(row["frame_durations"].sum())
        claims += [
            ("lip features per frame of the matrix", len(row["lips"]), frames * model.lip_features),
            ("face features per frame of the matrix", len(row["faces"]), frames * model.face_features),
            ("tokens for the number of frames", len(row["ids"]) // STREAMS, model.tokens_in(frames)),
        ]
    claims.append(("codes above the codec's vocabulary", int((row["ids"] >= model.vocab).sum()), 0))
    claims.append(("phonemes above the vocabulary", int((row["phonemes"] >= model.phoneme_vocabulary).sum()), 0))
    for what, found, expected in claims:
        if found != expected:
            raise DubberError(
                f"The data of clip {clip} do not fit: {what}: {found}, expected {expected}.",
                looked_at="tokens, matrix and feature shards, and the model's size",
                hint="An artifact is out of date, or the experiment's `size` was made for another codec or features.",
            )


def _some(clips: set[str]) -> str:
    names = sorted(clips)
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
