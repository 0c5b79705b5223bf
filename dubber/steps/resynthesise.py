"""The two systems between which every dub lies: the recording, and what the codec alone makes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.codec.base import Codec
from dubber.media.audio import fit, to_pcm
from dubber.steps.dubs import DUBS, FRAME_RATE, SAMPLE_RATE, by_clip, require, rows_to_dub


def ground_truth_shard(
    rows: Sequence[Mapping[str, Any]],
    audio: Path | str,
    crops: Path | str,
    output: Path | str,
    *,
    max_failed_share: float,
) -> ShardResult:
    """The recordings of a shard's test clips, cut or padded to the length of their video, F * 640 samples.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the test clips lack sound or video.
    """
    wanted = rows_to_dub(rows)
    sounds = by_clip(read_rows(audio, ["clip", "samples"]), wanted)
    frames = by_clip(read_rows(crops, ["clip", "n_frames"]), wanted)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        clip = row["clip"]
        length = require(clip, frames, "crops")["n_frames"] * SAMPLE_RATE // FRAME_RATE
        return {"samples": fit(require(clip, sounds, "samples")["samples"], length)}

    return process_shard(
        wanted, work, step="ground_truth", schema=DUBS, output=output, max_failed_share=max_failed_share
    )


def resynthesise_shard(
    rows: Sequence[Mapping[str, Any]],
    tokens: Path | str,
    codec: Codec,
    output: Path | str,
    *,
    max_failed_share: float,
) -> ShardResult:
    """Decode the true tokens of a shard's test clips: what is lost here no model can win back.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.
    """
    wanted = rows_to_dub(rows)
    stored = by_clip(read_rows(tokens), wanted)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        found = require(row["clip"], stored, "tokens")
        started = time.perf_counter()
        wav = codec.decode(found["ids"].reshape(codec.streams, -1).astype("int64"), found["speaker"])
        seconds = time.perf_counter() - started
        return {
            "samples": to_pcm(wav),
            "n_tokens": found["n_tokens"],
            "seconds": seconds,
            "nfe": 0,
            "device": "cpu",
            "batch": 1,
        }

    return process_shard(
        wanted, work, step="resynthesise", schema=DUBS, output=output, max_failed_share=max_failed_share
    )
