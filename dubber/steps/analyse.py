"""The embedded codec in the workflow: analyse every shard once, fit on training clips, quantise every shard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard, read_rows
from dubber.codec.settings import WorldAnalysisSettings, WorldSettings
from dubber.codec.world.analysis import AnalysedClip, Analysis
from dubber.codec.world.codec import World, analyse_clip
from dubber.codec.world.fit import fit_analysed
from dubber.corpus.split import rank
from dubber.errors import DubberError
from dubber.steps.tokens_facodec import TOKENS, each_sound, token_row

ANALYSIS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("f0", pa.list_(pa.float32()), "Hz [T at 80 Hz], 0 where unvoiced"),
        field("cepstrum", pa.list_(pa.float16()), "ln amplitude [T*(M+1) row-major], mel-cepstrum c0..cM"),
        field("aperiodicity", pa.list_(pa.float16()), "dB [T], 0 where unvoiced"),
        field("ge2e", pa.list_(pa.float32()), "GE2E vector [256]"),
    ]
)


def analyse_shard(
    rows: Sequence[Mapping[str, Any]],
    audio_parquet: Path | str,
    crops_parquet: Path | str | None,
    settings: WorldAnalysisSettings,
    output: Path | str,
    max_failed_share: float,
) -> ShardResult:
    """Write `output` under `ANALYSIS`; the arguments are those of `dubber.steps.tokens_facodec.tokens_shard`.

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the clips failed.
    """
    return each_sound(
        rows,
        audio_parquet,
        crops_parquet,
        lambda wav: analysis_row(analyse_clip(wav, settings)),
        step="analyse",
        schema=ANALYSIS,
        output=output,
        max_failed_share=max_failed_share,
    )


def fit_shards(analyses: Sequence[Path | str], clips: Collection[str], settings: WorldSettings) -> World:
    """Fit on those of `clips` (the training clips) that were analysed, at most `max_clips` by a stable hash.

    Args:
        analyses: artifacts of `analyse_shard`; clip names must be unique among them.

    Raises:
        DubberError: none of `clips` was analysed.
    """
    wanted, names = set(clips), set()
    for path in analyses:
        names.update(row["clip"] for row in read_rows(path, ["clip"]) if row["clip"] in wanted)
    if not names:
        raise DubberError(
            "No training clip was analysed, so the codec cannot be fitted.",
            looked_at=", ".join(map(str, analyses)),
            hint="Read the failures files beside these artifacts.",
        )
    chosen = sorted(names, key=lambda name: rank(name, settings.seed))[: settings.max_clips]
    kept = set(chosen)
    found = {row["clip"]: to_clip(row) for path in analyses for row in read_rows(path) if row["clip"] in kept}
    provenance = {
        "clips": str(len(chosen)),
        "clips_sha256": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest(),
        "fit_on": json.dumps(settings.fit_on),
    }
    return fit_analysed([found[name] for name in chosen], settings, provenance)


def quantise_shard(
    analysis_parquet: Path | str, codec: World, output: Path | str, max_failed_share: float
) -> ShardResult:
    """Write `output` under `TOKENS` from the shard's analysis."""
    clips = {row["clip"]: row for row in read_rows(analysis_parquet)}
    return process_shard(
        [{"clip": name} for name in clips],
        lambda row: token_row(codec.quantise(to_clip(clips[row["clip"]]))),
        step="tokens",
        schema=TOKENS,
        output=output,
        max_failed_share=max_failed_share,
    )


def analysis_row(clip: AnalysedClip) -> dict[str, Any]:
    """`clip` as a row of `ANALYSIS`, its name left out."""
    analysis = clip.analysis
    return {
        "f0": analysis.f0,
        "cepstrum": analysis.cepstrum.astype(np.float16).ravel(),
        "aperiodicity": analysis.aperiodicity.astype(np.float16),
        "ge2e": clip.ge2e,
    }


def to_clip(row: Mapping[str, Any]) -> AnalysedClip:
    """A row of `ANALYSIS` as what `World.quantise` takes."""
    n_tokens = len(row["f0"])
    analysis = Analysis(
        f0=np.array(row["f0"], np.float32),
        cepstrum=np.asarray(row["cepstrum"], np.float32).reshape(n_tokens, -1),
        aperiodicity=np.asarray(row["aperiodicity"], np.float32),
    )
    return AnalysedClip(analysis, np.array(row["ge2e"], np.float32))
