"""Score one shard of one system in one protocol: every metric on every test clip, failed ones included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import Progress, failures_path, field, read_rows, write_rows
from dubber.errors import ClipError, DubberError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import MetricSettings

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
FULL_SCALE = 32768.0


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


def score_shard(
    rows: Sequence[Mapping[str, Any]],
    *,
    protocol: str,
    dubs: Path | str,
    audio: Path | str,
    references: Sequence[Path | str],
    metrics: Sequence[MetricSettings],
    output: Path | str,
    crops: Path | str | None = None,
    sync_weights: Path | str | None = None,
) -> None:
    """Write the scores artifact of one shard: one row per clip and table column.

    A clip that `dubs` lacks, or that is silent there, is the system's failure: no value and a reason, and in WER all
    words deleted. A clip whose own recording or reference cannot be read is the corpus's: no value in any column.

    Args:
        rows: manifest rows of the shard's test clips (`clip`, `text`, `reference`).
        protocol: "1.0" (reference speech is the clip's own) or "2.0" (the clip that `reference` names).
        dubs: the system's audio. audio: the clips' own recordings, same shard.
        references: audio shards that hold the reference speech; unused in protocol 1.0.
        crops: the shard's face and lip crops, which "lse" looks at.
        sync_weights: the fitted sync encoders, which "lse" with the backend "embedded" needs.

    Raises:
        MissingDataError: the weights of a metric are missing.
    """
    loaded = [build_metric(settings, sync_weights=sync_weights) for settings in metrics]
    images = sorted({name for metric in loaded for name in metric.images})
    heard = _load(rows, protocol=protocol, dubs=dubs, audio=audio, references=references, crops=crops, images=images)
    scores: list[dict[str, Any]] = []
    progress = Progress(f"score {Path(output).stem}", len(rows))
    for row in rows:
        scores += _clip_scores(row, heard, loaded, protocol)
        progress.advance()
    write_rows(output, scores, SCORES)


def reference_name(row: Mapping[str, Any], protocol: str) -> str:
    """The clip whose speech is the reference of `row` in `protocol`.

    Raises:
        DubberError: protocol 2.0 and the manifest lists no reference for the clip.
    """
    name = row["clip"] if protocol == "1.0" else row.get("reference")
    if name is None:
        raise DubberError(
            f"Clip {row['clip']} has no reference clip for protocol {protocol}.", looked_at="the manifest"
        )
    return name


def _load(rows, *, protocol: str, dubs, audio, references, crops, images: Sequence[str]) -> ShardMedia:
    clips = {row["clip"] for row in rows}
    wanted = {reference_name(row, protocol) for row in rows}
    seen = read_rows(crops, ["clip", *images]) if crops and images else []
    return ShardMedia(
        dubs={row["clip"]: row for row in read_rows(dubs, ["clip", "samples", "seconds"]) if row["clip"] in clips},
        truth=_samples([audio], clips),
        references=_samples([audio] if protocol == "1.0" else references, wanted),
        images={row["clip"]: row for row in seen if row["clip"] in clips},
        dub_failures=_reasons(failures_path(dubs)),
    )


def _samples(paths: Sequence[Path | str], clips: set[str]) -> dict[str, np.ndarray]:
    rows = (row for path in paths for row in read_rows(path, ["clip", "samples"]))
    return {row["clip"]: _float(row["samples"]) for row in rows if row["clip"] in clips}


def _float(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples, dtype=np.float32) / FULL_SCALE


def _reasons(path: Path) -> dict[str, str]:
    return {row["clip"]: row["reason"] for row in read_rows(path, ["clip", "reason"])} if path.exists() else {}


def _clip_scores(row, heard: ShardMedia, metrics: Sequence[Metric], protocol: str) -> Iterator[dict[str, Any]]:
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


def _judge(row, heard: ShardMedia, protocol: str) -> Callable[[Metric], list[Score]]:
    """How any metric judges this clip: by listening, or as failed."""
    clip, text, reference = row["clip"], row["text"], reference_name(row, protocol)
    if clip not in heard.truth or reference not in heard.references:
        reason = f"no recording of {clip if clip not in heard.truth else f'the reference {reference}'}"
        return lambda metric: [Score(column, None, reason=reason) for column in metric.columns]
    dub = heard.dubs.get(clip)
    if dub is None:
        reason = f"no output: {heard.dub_failures.get(clip, 'the clip is missing from the dubs')}"
        return lambda metric: metric.failed(text, reason)
    if not np.any(dub["samples"]):
        return lambda metric: metric.failed(text, "empty output")
    images = heard.images.get(clip, {})
    sample = Sample(
        clip=clip,
        text=text,
        hypothesis=_float(dub["samples"]),
        truth=heard.truth[clip],
        reference=heard.references[reference],
        seconds=dub["seconds"],
        lips=images.get("lips"),
        faces=images.get("faces"),
    )
    return lambda metric: _listen(metric, sample)


def _listen(metric: Metric, sample: Sample) -> list[Score]:
    try:
        return metric.score(sample)
    except ClipError as error:
        return metric.failed(sample.text, error.what)
