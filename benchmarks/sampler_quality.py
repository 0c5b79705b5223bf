"""How few evaluations reach the quality of the paper's sampler with 128: every sampler, NFE and temperature.

    python -m benchmarks.sampler_quality --experiment demo --scores scores.csv

Run it where the workflow has run (`--root`), from the repository's root. It dubs the experiment's clips with each
candidate in protocol 1.0, once for each of `--draws` seeds, and appends each clip's WER, SECS, DNSMOS to `--scores`;
candidates that are there already are not dubbed again, so it can be stopped and resumed. Then it prints the tables
of docs/notebook/sampler.md: means, and differences to `euler:128:1.0:float32` on the same clips with 95 % intervals. A
clip's score is its mean over the seeds, and clips are resampled, as in the project's tables.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from dubber.artifacts import read_rows
from dubber.codec.world.codec import World
from dubber.corpus.manifest import load_manifest
from dubber.dub.settings import SynthesisSettings
from dubber.dub.synthesise import Request, Synthesiser
from dubber.media.audio import from_pcm
from dubber.metrics.base import Metric, Sample
from dubber.metrics.naturalness import Dnsmos
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.wer import Wer
from dubber.report.bootstrap import interval, paired_test
from dubber.report.settings import BootstrapSettings
from dubber.steps.speech import clip_request

BASELINE = "euler:128:1.0:float32"
METRICS = ("WER", "SECS", "DNSMOS")
NAMES = ["candidate", "seed", "clip", "metric", "value", "weight"]


@dataclass(frozen=True)
class Clips:
    """What is dubbed, and the rows and recordings (float32, by clip) that it is judged by."""

    requests: list[Request]
    rows: Mapping[str, Mapping[str, Any]]
    audio: Mapping[str, np.ndarray]


def settings_of(candidate: str, seed: int, batch_size: int) -> SynthesisSettings:
    """`sampler:nfe:temperature:precision`, and `:drafts` if more than one -> settings."""
    sampler, nfe, temperature, precision, *drafts = candidate.split(":")
    return SynthesisSettings(
        sampler=sampler,
        nfe=int(nfe),
        temperature=float(temperature),
        drafts=int(*drafts or [1]),
        precision=precision,
        seed=seed,
        batch_size=batch_size,
    )


def grid(args: argparse.Namespace) -> list[str]:
    """Every candidate asked for; the baseline comes first."""
    asked = itertools.product(args.nfe, args.sampler, args.temperature, args.precision, args.drafts)
    ways = (f"{name}:{n}:{heat}:{how}" + (f":{j}" if j > 1 else "") for n, name, heat, how, j in asked)
    return list(dict.fromkeys([BASELINE, *ways]))


def gather(args: argparse.Namespace, synthesiser: Synthesiser) -> Clips:
    """The clips of the experiment's splits, from the workflow's artifacts."""
    work = args.root / "work"
    manifest = load_manifest(work / args.experiment / "manifest.parquet")
    rows = {row["clip"]: row for row in all_rows(manifest) if row["split"] in args.split}
    found = {
        name: {row["clip"]: row for row in shard_rows(work / args.experiment / step, columns) if row["clip"] in rows}
        for name, step, columns in (
            ("features", f"features/{args.experiment}", None),
            ("voices", f"tokens/world_{args.experiment}", ["clip", "speaker"]),
            ("audio", "audio", ["clip", "samples"]),
        )
    }
    requests = [
        clip_request(synthesiser, rows[clip], found["features"][clip], found["voices"][clip]["speaker"])
        for clip in rows
        if all(clip in step for step in found.values())
    ]
    audio = {clip: from_pcm(row["samples"]) for clip, row in found["audio"].items()}
    return Clips(sorted(requests, key=lambda r: (len(r.lips), r.clip)), rows, audio)


def all_rows(manifest) -> Iterator[Mapping[str, Any]]:
    for shard in manifest.shards:
        yield from manifest.rows(shard)


def shard_rows(folder: Path, columns: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
    """The rows of every shard of one step."""
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9].parquet")):
        yield from read_rows(path, columns) if columns else read_rows(path)


def scores_of(candidate: str, seed: int, clips: Clips, args: argparse.Namespace, metrics: Sequence[Metric]) -> list:
    """One candidate's dubs of every clip with one seed: rows candidate, seed, clip, metric, value, weight."""
    model, codec = args.model or args.root / "runs" / args.experiment / "full" / "model.safetensors", args.codec
    synthesiser = Synthesiser(model, codec, settings_of(candidate, seed, args.batch_size), "cpu")
    out = []
    for first in range(0, len(clips.requests), args.batch_size):
        for dub in synthesiser.dub(clips.requests[first : first + args.batch_size]):
            clip, wav = dub.clip, from_pcm(dub.samples)
            truth = clips.audio[clip]
            sample = Sample(clip, clips.rows[clip]["text"], wav, truth, truth, dub.seconds)
            for score in itertools.chain.from_iterable(metric.score(sample) for metric in metrics):
                out.append((candidate, seed, clip, score.column, score.value, score.weight))
    return out


def table(scores: pd.DataFrame) -> str:
    """Means and paired differences, one line per candidate."""
    settings = BootstrapSettings()
    lines = [
        "| sampler | NFE | temperature | precision | draws | clips | "
        + " | ".join(f"{m} | Δ {m}" for m in METRICS)
        + " |",
        "|---|---|---|---|---|---|" + "---|" * (2 * len(METRICS)),
    ]
    by_clip = scores.groupby(["candidate", "metric", "clip"])[["value", "weight"]].mean()
    for candidate, own in sorted(scores.groupby("candidate"), key=lambda group: _order(group[0])):
        cells = []
        for metric in METRICS:
            theirs = by_clip.loc[BASELINE, metric]
            ours = by_clip.loc[candidate, metric].loc[lambda one, known=theirs.index: one.index.isin(known)]
            mean = interval(ours["value"].to_numpy(), ours["weight"].to_numpy(), settings)
            test = paired_test(
                system=ours["value"].to_numpy(),
                baseline=theirs.loc[ours.index, "value"].to_numpy(),
                system_weights=ours["weight"].to_numpy(),
                baseline_weights=theirs.loc[ours.index, "weight"].to_numpy(),
                settings=settings,
            ).difference
            cells += [f"{mean.mean:.2f}", f"{test.mean:+.2f} [{test.low:+.2f}, {test.high:+.2f}]"]
        counts = f"{own['seed'].nunique()} | {len(ours)}"
        lines.append(f"| {' | '.join(candidate.split(':'))} | {counts} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _order(candidate: str) -> tuple[bool, int, str]:
    """The baseline, then by NFE."""
    return candidate != BASELINE, int(candidate.split(":")[1]), candidate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(), help="folder with the workflow's work/ and runs/")
    parser.add_argument("--experiment", default="demo")
    parser.add_argument("--model", type=Path, help="default: the run `full` of the experiment")
    parser.add_argument("--split", nargs="+", default=["test"], choices=("test", "val"))
    parser.add_argument("--sampler", nargs="+", default=["euler", "exact", "corrector", "confident"])
    parser.add_argument("--nfe", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32, 128])
    parser.add_argument("--temperature", nargs="+", type=float, default=[1.0, 0.8])
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=("float32", "bf16"))
    parser.add_argument("--drafts", nargs="+", type=int, default=[1], help="draws per clip whose mean is spoken")
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2], help="seeds")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"), help="every clip's scores, appended to")
    parser.add_argument("--pool", type=Path, nargs="+", help="only print the table of these files' clips together")
    args = parser.parse_args()
    if args.pool:
        print(table(pd.concat([pd.read_csv(path, names=NAMES) for path in args.pool])))
        return
    torch.set_num_threads(args.threads)
    args.codec = World.load(args.root / "work" / "codecs" / f"world_{args.experiment}" / "codec.safetensors")
    done = pd.read_csv(args.scores, names=NAMES) if args.scores.exists() else pd.DataFrame(columns=NAMES)
    model = args.model or args.root / "runs" / args.experiment / "full" / "model.safetensors"
    clips = gather(args, Synthesiser(model, args.codec, SynthesisSettings(), "cpu"))
    metrics = [Wer(PocketsphinxRecogniser("grid")), Secs(), Dnsmos()]
    known = set(zip(done["candidate"], done["seed"], strict=True))
    for seed, candidate in itertools.product(args.draws, grid(args)):
        if (candidate, seed) in known:
            continue
        rows = pd.DataFrame(scores_of(candidate, seed, clips, args, metrics), columns=NAMES)
        rows.to_csv(args.scores, mode="a", header=False, index=False)
        print(candidate, seed, rows.groupby("metric")["value"].mean().round(2).to_dict(), flush=True)
        done = pd.concat([done, rows], ignore_index=True)
    print(f"{args.experiment}: {len(clips.requests)} clips of {' and '.join(args.split)}\n\n{table(done)}")


if __name__ == "__main__":
    main()
