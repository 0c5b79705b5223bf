"""What the embedded codec costs a voice: fitted on training clips of GRID, judged on test clips.

    python benchmarks/codec.py --data data/grid-mini --train 250 --test 40

`--data` holds clips.csv and the clips that it lists. Prints the tables of docs/notebook/codec_world.md: the same
metrics for the recordings, for WORLD without quantisation and for the codec.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dubber.codec.settings import WorldSettings
from dubber.codec.world.analysis import AnalysedClip, synthesise
from dubber.codec.world.cepstrum import distortion
from dubber.codec.world.codec import World, analyse_clip
from dubber.codec.world.fit import fit_analysed
from dubber.corpus.split import rank
from dubber.media.audio import fit, read_audio
from dubber.metrics.base import Sample
from dubber.metrics.naturalness import Dnsmos
from dubber.metrics.pitch import Pitch
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.settings import PitchSettings
from dubber.metrics.wer import Wer

SAMPLES_PER_TOKEN = 200


@dataclass(frozen=True)
class Heard:
    """A clip, its recording float32 [200 T] and its analysis."""

    clip: str
    text: str
    wav: np.ndarray
    analysed: AnalysedClip


def choose(folder: Path, speaker: str | None, split: str, count: int) -> list[dict]:
    """`count` clips of a split, the same ones every time."""
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and speaker in (None, row["speaker"])]
    return sorted(rows, key=lambda row: rank(row["speaker"] + row["clip"], 0))[:count]


def listen(row: dict, folder: Path, settings: WorldSettings) -> Heard:
    """Decode and analyse one clip."""
    samples = read_audio(folder / row["video"]).samples
    wav = fit(samples, round(len(samples) / SAMPLES_PER_TOKEN) * SAMPLES_PER_TOKEN)
    return Heard(row["clip"], row["text"], wav, analyse_clip(wav, settings.analysis))


def listen_to_all(rows: Sequence[dict], folder: Path, settings: WorldSettings) -> list[Heard]:
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(partial(listen, folder=folder, settings=settings), rows))


def mel_cepstral_distortion(codec: World, clip: Heard) -> float:
    """Mean over the clip's speech frames (dB), the mean level c0 left out."""
    tokens = codec.quantise(clip.analysed)
    heard = codec.dequantise(tokens.ids, tokens.speaker)
    speech = clip.analysed.analysis.active(codec.settings.analysis.active_range)
    return float(distortion(clip.analysed.analysis.cepstrum, heard.cepstrum)[speech].mean())


class Judge:
    """The project's own metrics, the same for every row of the table."""

    def __init__(self) -> None:
        self.metrics = [Secs(), Dnsmos(), Wer(PocketsphinxRecogniser("grid")), Pitch(PitchSettings())]

    def __call__(self, clips: Sequence[Heard], sounds: Sequence[np.ndarray]) -> dict[str, float]:
        """Corpus means by column."""
        sums: dict[str, list[tuple[float, float]]] = {}
        for clip, sound in zip(clips, sounds, strict=True):
            sample = Sample(clip.clip, clip.text, sound, clip.wav, clip.wav)
            for score in (score for metric in self.metrics for score in metric.score(sample)):
                if score.value is not None:
                    sums.setdefault(score.column, []).append((score.value, score.weight))
        return {name: sum(v * w for v, w in pairs) / sum(w for _, w in pairs) for name, pairs in sums.items()}


def speak(codec: World, clip: Heard) -> np.ndarray:
    """The clip through the codec, float32 [200 T]."""
    tokens = codec.quantise(clip.analysed)
    return codec.decode(tokens.ids, tokens.speaker)


def print_rows(rows: Sequence[tuple[str, dict[str, float]]]) -> None:
    names = list(rows[0][1])
    print(f"\n| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for title, values in rows:
        print(f"| {title} | " + " | ".join(f"{values[name]:.2f}" for name in names) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--speaker", default="s1", help="speaker, or 'all'")
    parser.add_argument("--train", type=int, default=250)
    parser.add_argument("--test", type=int, default=40)
    arguments = parser.parse_args()
    settings, speaker = WorldSettings(), None if arguments.speaker == "all" else arguments.speaker
    train, test = (
        listen_to_all(choose(arguments.data, speaker, split, count), arguments.data, settings)
        for split, count in (("train", arguments.train), ("test", arguments.test))
    )
    started = time.perf_counter()
    codec = fit_analysed([clip.analysed for clip in train], settings)
    print(f"fitted on {len(train)} clips in {time.perf_counter() - started:.0f} s; {len(test)} test clips", flush=True)
    judge = Judge()
    print_rows(
        [
            ("recordings", judge(test, [clip.wav for clip in test])),
            ("WORLD, not quantised", judge(test, [synthesise(clip.analysed.analysis) for clip in test])),
            ("codec", judge(test, [speak(codec, clip) for clip in test])),
        ]
    )
    errors = [mel_cepstral_distortion(codec, clip) for clip in test]
    print(f"\nmel-cepstral distortion of speech frames: {np.mean(errors):.2f} dB")


if __name__ == "__main__":
    main()
