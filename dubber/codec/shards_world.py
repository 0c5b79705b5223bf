"""Shards of the WORLD codec: analysis, fitting, tokens. The analysis is made once and read by both others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard, read_rows
from dubber.codec.schema import TOKENS, clip_audio, token_row
from dubber.codec.settings import AnalysisSettings, WorldSettings
from dubber.codec.world import World
from dubber.codec.world_analysis import Analysis, analyse
from dubber.codec.world_fit import fit_world

ANALYSIS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("f0", pa.list_(pa.float32()), "[T] Hz, 0 where unvoiced"),
        field("spectrum", pa.list_(pa.float32()), "[T, M] mel-cepstrum, c0 first"),
        field("aperiodicity", pa.list_(pa.float32()), "[T, A] dB"),
        field("speaker", pa.list_(pa.float32()), "[S] GE2E vector, unit length"),
    ]
)


def analyse_shard(
    rows: Sequence[Mapping[str, Any]],
    audio: Path | str,
    crops: Path | str | None,
    output: Path | str,
    settings: AnalysisSettings,
    *,
    max_failed_share: float,
) -> ShardResult:
    """Analyse a shard's clips; where there are crops, the sound is cut or padded to the video's length first."""
    sounds = clip_audio(audio, crops, settings.sample_rate)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        found = analyse(sounds[row["clip"]], settings)
        parts = {name: getattr(found, name) for name in ("f0", "spectrum", "aperiodicity", "speaker")}
        return {name: part.reshape(-1) for name, part in parts.items()}

    heard = [row for row in rows if row["clip"] in sounds]
    return process_shard(heard, work, step="analyse", schema=ANALYSIS, output=output, max_failed_share=max_failed_share)


def read_analysis(path: Path | str, settings: AnalysisSettings) -> Iterable[tuple[str, Analysis]]:
    """Clip names and what `analyse_shard` wrote of them."""
    for row in read_rows(path):
        tokens = len(row["f0"])
        spectrum = row["spectrum"].reshape(tokens, settings.order)
        yield row["clip"], Analysis(row["f0"], spectrum, row["aperiodicity"].reshape(tokens, -1), row["speaker"])


def fit_shards(analyses: Sequence[Path | str], train: set[str], settings: WorldSettings) -> World:
    """Fit the codec on the training clips of these shards, in order of their names."""
    found = {name: clip for path in analyses for name, clip in read_analysis(path, settings.analysis) if name in train}
    return fit_world([found[name] for name in sorted(found)], settings)


def tokens_shard(analysis: Path | str, codec: World, output: Path | str, *, max_failed_share: float) -> ShardResult:
    """Quantise a shard's analysed clips."""
    clips = dict(read_analysis(analysis, codec.settings.analysis))

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        return token_row(codec.quantise(clips[row["clip"]]))

    rows = [{"clip": name} for name in clips]
    return process_shard(rows, work, step="tokens", schema=TOKENS, output=output, max_failed_share=max_failed_share)
