"""Rule `score`: every metric on every test clip of one shard, system and protocol, failed clips included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import failures_path, field, read_rows, write_rows
from dubber.corpus.manifest import Protocol, Row, load_shard, reference_clip, reference_clips
from dubber.errors import ClipError
from dubber.media.audio import from_pcm
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import MetricSettings
from dubber.progress import Progress
from dubber.runner import WILDCARD, Input, Inputs, OptionalInput, Output, Wildcard
from dubber.steps.shard import by_clip

SCORES = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("metric", pa.string(), "the table's column"),
        field(
            "value",
            pa.float64(),
            "WER percent; SECS 100 x cosine; DNSMOS, UTMOS 1..5; Emo-SIM, AVSync cosine; GPE, VDE, FFE, RTF fractions",
        ),
        field("weight", pa.float64(), "denominator of a corpus-level ratio: words (WER), s (RTF); else 1"),
        field("backend", pa.string(), "what made the number"),
        field("reason", pa.string(), "why the clip counts as failed; null where it did not"),
    ]
)


@dataclass(frozen=True)
class ShardMedia:
    """What a shard's clips are judged by, by clip.

    Attributes:
        dubs: rows of the dubs artifact.
        truth, references: samples.
        images: rows of the crops artifact with the columns that a metric asks for, F JPEG images each.
        dub_failures: why there is no dub.
    """

    dubs: Mapping[str, Mapping[str, Any]]
    truth: Mapping[str, np.ndarray]
    references: Mapping[str, np.ndarray]
    images: Mapping[str, Mapping[str, Any]]
    dub_failures: Mapping[str, str]


@dataclass(frozen=True)
class Heard:
    """The files of a system's speech and of everything that it is compared with.

    Attributes:
        protocol: whose speech is the reference: the clip's own (1.0), or another clip's (2.0).
        dubs: the system's speech.
        truth: the clips' own recordings, of the same shard.
        references: audio shards that hold the reference speech of protocol 2.0.
        crops: the shard's face and lip crops.
    """

    protocol: Annotated[Protocol, WILDCARD]
    dubs: Input
    truth: Input
    references: Inputs
    crops: Input


def score(
    manifest: Path,
    shard: Wildcard,
    heard: Heard,
    metrics: tuple[MetricSettings, ...],
    sync: OptionalInput,
    artifact: Output,
) -> None:
    """Write one row for each test clip and table column.

    A clip that the system did not dub, or where it is silent, is the system's failure: no value and a reason, and in
    WER all words deleted. A clip whose own recording or reference cannot be read is the corpus's failure: no value in
    any column.

    Args:
        manifest: of the corpus.
        shard: its name.
        heard: speech, recordings and pictures.
        metrics: what to measure.
        sync: the fitted sync encoders, if a metric needs them.
        artifact: the Parquet file to write.

    Raises:
        MissingDataError: the weights of a metric are missing.
    """
    rows = [row for row in load_shard(manifest, shard) if row["split"] == "test"]
    loaded = [build_metric(settings, sync_weights=sync) for settings in metrics]
    media = _load(rows, heard, sorted({name for metric in loaded for name in metric.images}))
    scores: list[dict[str, Any]] = []
    progress = Progress(f"score {artifact.stem}", len(rows))
    for row in rows:
        scores += _clip_scores(row, media, loaded, heard.protocol)
        progress.advance()
    write_rows(artifact, scores, SCORES)


def _load(rows: Sequence[Row], heard: Heard, images: Sequence[str]) -> ShardMedia:
    clips = {row["clip"] for row in rows}
    wanted = reference_clips(rows, heard.protocol)
    seen = read_rows(heard.crops, ["clip", *images]) if images else []
    return ShardMedia(
        dubs=by_clip(read_rows(heard.dubs, ["clip", "samples", "seconds"]), clips),
        truth=_samples([heard.truth], clips),
        references=_samples([heard.truth] if heard.protocol == "1.0" else heard.references, wanted),
        images=by_clip(seen, clips),
        dub_failures=_reasons(failures_path(heard.dubs)),
    )


def _samples(paths: Sequence[Path | str], clips: set[str]) -> dict[str, np.ndarray]:
    rows = (row for path in paths for row in read_rows(path, ["clip", "samples"]))
    return {row["clip"]: from_pcm(row["samples"]) for row in rows if row["clip"] in clips}


def _reasons(path: Path) -> dict[str, str]:
    return {row["clip"]: row["reason"] for row in read_rows(path, ["clip", "reason"])} if path.exists() else {}


def _clip_scores(
    row: Row, heard: ShardMedia, metrics: Sequence[Metric], protocol: Protocol
) -> Iterator[dict[str, Any]]:
    judge = _judge(row, heard, protocol)
    for metric in metrics:
        for score in judge(metric):
            yield {
                "clip": row["clip"],
                "metric": score.column,
                "value": score.value,
                "weight": score.weight,
                "backend": metric.backend,
                "reason": score.reason,
            }


def _judge(row: Row, heard: ShardMedia, protocol: Protocol) -> Callable[[Metric], list[Score]]:
    """How any metric judges this clip: by listening, or as failed."""
    clip, text = row["clip"], row["text"]
    reason = _lost(row, heard, protocol)
    if reason:
        return lambda metric: [Score(column, None, reason=reason) for column in metric.columns]
    dub = heard.dubs.get(clip)
    if dub is None:
        why = f"no output: {heard.dub_failures.get(clip, 'the clip is missing from the dubs')}"
        return lambda metric: metric.failed(text, why)
    if not np.any(dub["samples"]):
        return lambda metric: metric.failed(text, "empty output")
    images = heard.images.get(clip, {})
    sample = Sample(
        clip=clip,
        text=text,
        hypothesis=from_pcm(dub["samples"]),
        truth=heard.truth[clip],
        reference=heard.references[reference_clip(row, protocol)],
        seconds=dub["seconds"],
        lips=images.get("lips"),
        faces=images.get("faces"),
    )
    return lambda metric: _listen(metric, sample)


def _lost(row: Row, heard: ShardMedia, protocol: Protocol) -> str | None:
    """Why the corpus cannot judge this clip: its recording or its reference is not there."""
    try:
        voice = reference_clip(row, protocol)
    except ClipError as error:
        return error.what
    if row["clip"] not in heard.truth:
        return f"no recording of {row['clip']}"
    return None if voice in heard.references else f"no recording of the reference {voice}"


def _listen(metric: Metric, sample: Sample) -> list[Score]:
    try:
        return metric.score(sample)
    except ClipError as error:
        return metric.failed(sample.text, error.what)
