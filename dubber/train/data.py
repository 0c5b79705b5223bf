"""Training clips in memory, and batches made of them.

Letters: B batch, N phonemes, F video frames, T speech tokens, S speaker width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dubber.artifacts import read_rows
from dubber.corpus.manifest import load_manifest
from dubber.errors import DubberError
from dubber.model.batch import Batch, DubBatch, pad_sequences
from dubber.text.alphabet import PAD

STREAMS = 6


@dataclass(frozen=True)
class TrainingClip:
    """A clip as the models see it.

    Attributes:
        clip: name.
        phonemes: int16 [N].
        token_durations: int16 [N].
        tokens: int16 [6, T].
        speaker: float32 [S].
        frame_durations: int16 [N], of clips with video.
        lips: float16 [F, lip features], of clips with video.
        faces: float16 [F, face features], of clips with video.
    """

    clip: str
    phonemes: np.ndarray
    token_durations: np.ndarray
    tokens: np.ndarray
    speaker: np.ndarray
    frame_durations: np.ndarray | None = None
    lips: np.ndarray | None = None
    faces: np.ndarray | None = None

    @property
    def length(self) -> int:
        """T."""
        return self.tokens.shape[1]


@dataclass(frozen=True)
class Artifacts:
    """Where a stage's training data lies.

    Attributes:
        tokens: token shards.
        matrix: run-length shards.
        manifests: manifests of the corpora, for the split.
        features: feature shards; none for stage 1.
    """

    tokens: Sequence[Path | str]
    matrix: Sequence[Path | str]
    manifests: Sequence[Path | str]
    features: Sequence[Path | str] = ()


def load_clips(artifacts: Artifacts, split: str) -> list[TrainingClip]:
    """The clips of one split that went through every step, in order of their names.

    Raises:
        DubberError: a clip's durations do not add up to its tokens or frames: the artifacts are not of one run.
    """
    wanted = set().union(*(load_manifest(path).clips(split) for path in artifacts.manifests))
    found = {row["clip"]: row for row in _rows(artifacts.tokens, wanted)}
    lengths = {row["clip"]: row for row in _rows(artifacts.matrix, wanted)}
    video = {row["clip"]: row for row in _rows(artifacts.features, wanted)}
    names = set(found) & set(lengths) & (set(video) if artifacts.features else wanted)
    clips = [_clip(name, found[name], lengths[name], video.get(name)) for name in sorted(names)]
    for clip in clips:
        _check(clip)
    return clips


def _rows(paths: Sequence[Path | str], wanted: set[str]) -> Iterator[dict]:
    return (row for path in paths for row in read_rows(path) if row["clip"] in wanted)


def _clip(name: str, tokens: dict, lengths: dict, video: dict | None) -> TrainingClip:
    shared = {
        "clip": name,
        "phonemes": np.array(lengths["phonemes"]),
        "token_durations": np.array(lengths["token_durations"]),
        "tokens": np.array(tokens["ids"]).reshape(STREAMS, tokens["n_tokens"]),
        "speaker": np.array(tokens["speaker"]),
    }
    if video is None:
        return TrainingClip(**shared)
    return TrainingClip(
        **shared,
        frame_durations=np.array(lengths["frame_durations"]),
        lips=np.array(video["lips"]).reshape(video["n_frames"], -1),
        faces=np.array(video["faces"]).reshape(video["n_frames"], -1),
    )


def _check(clip: TrainingClip) -> None:
    tokens = int(clip.token_durations.sum())
    frames_agree = clip.lips is None or int(clip.frame_durations.sum()) == len(clip.lips)
    if tokens != clip.length or not frames_agree:
        raise DubberError(
            f"Clip {clip.clip}: its phonemes own {tokens} tokens, its speech has {clip.length}.",
            looked_at="the matrix, token and feature shards",
            hint="They come from different runs of the workflow: delete them and run the target again.",
        )


def collate(clips: Sequence[TrainingClip], pad: int) -> Batch:
    """Pad clips into a `Batch`, or into a `DubBatch` where they have video.

    Args:
        pad: the codec's [PAD] id.
    """
    tokens = torch.full((len(clips), STREAMS, max(clip.length for clip in clips)), pad, dtype=torch.int64)
    for i, clip in enumerate(clips):
        tokens[i, :, : clip.length] = torch.from_numpy(clip.tokens.astype(np.int64))
    shared = {
        "clips": tuple(clip.clip for clip in clips),
        "phonemes": pad_sequences([clip.phonemes for clip in clips], PAD),
        "phoneme_mask": _mask([len(clip.phonemes) for clip in clips]),
        "token_durations": pad_sequences([clip.token_durations for clip in clips], 0),
        "tokens": tokens,
        "token_mask": _mask([clip.length for clip in clips]),
        "speaker": torch.from_numpy(np.stack([clip.speaker for clip in clips])),
    }
    if clips[0].lips is None:
        return Batch(**shared)
    return DubBatch(
        **shared,
        lips=pad_sequences([clip.lips for clip in clips], 0.0),
        faces=pad_sequences([clip.faces for clip in clips], 0.0),
        frame_mask=_mask([len(clip.lips) for clip in clips]),
        frame_durations=pad_sequences([clip.frame_durations for clip in clips], 0),
    )


def _mask(lengths: Sequence[int]) -> torch.Tensor:
    return pad_sequences([np.ones(length, bool) for length in lengths], False)
