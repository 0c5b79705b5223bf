"""Rule `analyse`: WORLD analysis of a shard's sound, done once whatever is fitted on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import field
from dubber.codec.settings import WorldAnalysisSettings
from dubber.codec.world.analysis import AnalysedClip, Analysis
from dubber.codec.world.codec import analyse_clip
from dubber.runner import Input, OptionalInput
from dubber.steps.shard import Shard
from dubber.steps.sounds import sounds

ANALYSIS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("f0", pa.list_(pa.float32()), "Hz [T at 80 Hz], 0 where unvoiced"),
        field("cepstrum", pa.list_(pa.float16()), "ln amplitude [T*(M+1) row-major], mel-cepstrum c0..cM"),
        field("aperiodicity", pa.list_(pa.float16()), "dB [T], 0 where unvoiced"),
        field("ge2e", pa.list_(pa.float32()), "GE2E vector [256]"),
    ]
)


def analyse(clips: Shard, audio: Input, crops: OptionalInput, settings: WorldAnalysisSettings) -> None:
    """Analyse each clip's pitch, mel-cepstrum and aperiodicity at 80 frames a second, and its GE2E vector.

    Args:
        clips: the shard; a clip without sound, or without crops where there is video, is not counted again.
        audio: its sound.
        crops: its crops, whose number of frames fixes the length, if the corpus has video.
        settings: of the analysis.
    """
    heard = sounds(audio, crops)
    rows = [row for row in clips.rows() if row["clip"] in heard]
    with clips.writer(ANALYSIS, "analyse", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                row |= analysis_row(analyse_clip(heard[clip["clip"]], settings))


def analysis_row(clip: AnalysedClip) -> dict[str, Any]:
    """`clip` as a row of `ANALYSIS`, without its name."""
    analysis = clip.analysis
    return {
        "f0": analysis.f0,
        "cepstrum": analysis.cepstrum.astype(np.float16).ravel(),
        "aperiodicity": analysis.aperiodicity.astype(np.float16),
        "ge2e": clip.ge2e,
    }


def to_clip(row: Mapping[str, Any]) -> AnalysedClip:
    """The inverse of `analysis_row`."""
    n_tokens = len(row["f0"])
    analysis = Analysis(
        f0=np.array(row["f0"], np.float32),
        cepstrum=np.asarray(row["cepstrum"], np.float32).reshape(n_tokens, -1),
        aperiodicity=np.asarray(row["aperiodicity"], np.float32),
    )
    return AnalysedClip(analysis, np.array(row["ge2e"], np.float32))
