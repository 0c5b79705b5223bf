"""Does the sampling rate of a reference change its voice, and what does leaving out the band above 7.3 kHz cost?

    python benchmarks/voice_rates.py --model models/grid_mini --data data/grid-mini --split val

`--data` holds clips.csv and the clips that it lists. Prints, for voice vectors with and without that band: the cosine
of a clip's vector to that of the same clip stored at another rate, and what resynthesis and dubs score.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soxr

import dubber
from dubber.codec.base import Tokens
from dubber.codec.world.codec import World, analyse_clip
from dubber.codec.world.voice import voice_of
from dubber.media.audio import from_pcm, read_audio, to_pcm
from dubber.metrics.base import Sample
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.wer import Wer
from dubber.units import SAMPLE_RATE

RATES = (22_050, 44_100, 48_000)
Encode = Callable[[np.ndarray], Tokens]


def at_rate(wav: np.ndarray, rate: int) -> np.ndarray:
    """What is read of a clip that was stored at another rate, both times as 16-bit PCM."""
    stored = from_pcm(to_pcm(soxr.resample(wav, SAMPLE_RATE, rate)))
    return from_pcm(to_pcm(soxr.resample(stored, rate, SAMPLE_RATE)))


def with_edge(codec: World, wav: np.ndarray) -> Tokens:
    """The tokens with the plain averages of the clip as its voice."""
    clip = analyse_clip(wav, codec.settings.analysis)
    voice = voice_of(clip.analysis, codec.settings.analysis.active_range)
    return Tokens(ids=codec.quantise(clip).ids, speaker=codec.voices.speaker(clip.ge2e, voice))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def scores(text: str, spoken: np.ndarray, truth: np.ndarray, metrics: list) -> Iterator[tuple[str, float]]:
    for metric in metrics:
        for score in metric.score(Sample("clip", text, np.asarray(spoken, np.float32), truth, truth)):
            yield score.column, score.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="an exported folder with the codec `world`")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    with (args.data / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == args.split]
    models = [dubber.load(args.model, device="cpu", seed=seed) for seed in range(args.seeds)]
    codec, metrics = models[0].codec, [Wer(PocketsphinxRecogniser("grid")), Secs()]
    ways: dict[str, Encode] = {"with": lambda wav: with_edge(codec, wav), "without": codec.encode}
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        video, wav = args.data / row["video"], read_audio(args.data / row["video"]).samples
        for way, encode in ways.items():
            tokens = encode(wav)
            for rate in RATES:
                found[way, f"cosine, {rate} Hz"].append(cosine(encode(at_rate(wav, rate)).speaker, tokens.speaker))
            for column, value in scores(row["text"], codec.decode(tokens.ids, tokens.speaker), wav, metrics):
                found[way, f"resynthesis, {column}"].append(value)
            for model in models:
                model.codec = SimpleNamespace(encode=encode, sample_rate=codec.sample_rate)
                spoken = model.dub(video, row["text"], video).samples
                for column, value in scores(row["text"], spoken, wav, metrics):
                    found[way, f"dubs, {column}"].append(value)
    print("| band above 7.3 kHz | measure | n | mean | standard error | lowest |\n|---|---|---|---|---|---|")
    for (way, measure), values in sorted(found.items(), key=lambda item: item[0][1]):
        error = np.std(values) / len(values) ** 0.5
        print(f"| {way} | {measure} | {len(values)} | {np.mean(values):.4f} | {error:.4f} | {min(values):.4f} |")


if __name__ == "__main__":
    main()
