"""How far the embedded aligner's boundaries are from GRID's own word times and from MFA's phones.

    python benchmarks/alignment.py --data data

`--data` holds `grid-mini/` (clips.csv, videos, .align files) and `speech/` (clips.csv, recordings, LJSpeech TextGrids
made by MFA). Prints the tables of docs/notebook/alignment.md.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from rapidfuzz.distance import Levenshtein

from dubber.align.mfa import arpabet_alignment
from dubber.align.phones import Alignment, Interval
from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import PocketsphinxSettings
from dubber.errors import ClipError
from dubber.text.phonemes import phonemise
from dubber.units import SAMPLE_RATE

GRID_UNITS = 25000  # of the corpus's word times, per second
SILENCES = ("sil", "sp", "spn")
HALF_WINDOW = (0.025625 - 0.010) / 2  # s; from a feature frame's start, where its boundary is counted, to its middle


@dataclass
class Comparison:
    """Differences (s) between found and true boundaries, and what became of the clips."""

    errors: list[float] = field(default_factory=list)
    clips: int = 0
    failed: list[str] = field(default_factory=list)
    audio: float = 0.0
    seconds: float = 0.0

    def add(self, found: Sequence[Interval], truth: Sequence[Interval]) -> None:
        """Compare both ends of the intervals that carry the same labels in the same order."""
        for edit in Levenshtein.opcodes([f.label for f in found], [t.label for t in truth]):
            if edit.tag == "equal":
                pairs = zip(found[edit.src_start : edit.src_end], truth[edit.dest_start : edit.dest_end], strict=True)
                self.errors += [error for f, t in pairs for error in (f.start - t.start, f.end - t.end)]

    def row(self, name: str, offset: float = 0.0) -> str:
        e = np.array(self.errors) + offset
        within = [np.mean(np.abs(e) <= limit + 1e-6) for limit in (0.02, 0.05, 0.1)]
        cells = [f"{len(e)}", f"{np.median(np.abs(e)) * 1000:.1f}", f"{np.mean(e) * 1000:+.1f}"]
        cells += [f"{share:.1%}" for share in within] + [f"{len(self.failed)} of {self.clips}"]
        return f"| {name} | " + " | ".join(cells) + " |"

    @property
    def median(self) -> float:
        return float(np.median(np.abs(self.errors)))

    def share_within(self, limit: float) -> float:
        return float(np.mean(np.abs(self.errors) <= limit + 1e-6))


def read_audio(path: Path) -> np.ndarray:
    """The first audio stream as int16 mono [samples] at 16 kHz."""
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames + resampler.resample(None)])


def clips_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grid_text(text: str) -> str:
    """The sentence with its letter as a capital, so that `a` is the letter's name."""
    words = text.split()
    return " ".join([*words[:3], words[3].upper(), *words[4:]])


def grid_words(path: Path) -> tuple[Interval, ...]:
    """The corpus's own word times."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return tuple(
        Interval(word, int(start) / GRID_UNITS, int(end) / GRID_UNITS)
        for start, end, word in lines
        if word not in SILENCES
    )


def align(aligner: PocketsphinxAligner, clip: str, audio: Path, text: str, comparison: Comparison) -> Alignment | None:
    samples = read_audio(audio)
    started = time.perf_counter()
    try:
        return aligner.align(samples, phonemise(text))
    except ClipError:
        comparison.failed.append(clip)
        return None
    finally:
        comparison.clips += 1
        comparison.audio += len(samples) / SAMPLE_RATE
        comparison.seconds += time.perf_counter() - started


def compare_grid(folder: Path, clips: Iterable[dict[str, str]], aligner: PocketsphinxAligner) -> Comparison:
    """Word boundaries against GRID's own."""
    comparison = Comparison()
    for row in clips:
        found = align(aligner, row["clip"], folder / row["video"], grid_text(row["text"]), comparison)
        if found:
            comparison.add(found.words, grid_words(folder / row["align"]))
    return comparison


def compare_mfa(folder: Path, aligner: PocketsphinxAligner) -> tuple[Comparison, Comparison]:
    """Word and phone boundaries against MFA's on LJSpeech."""
    words, phones = Comparison(), Comparison()
    for row in clips_of(folder):
        if row["corpus"] != "ljspeech":
            continue
        found = align(aligner, row["clip"], folder / row["audio"], row["text"], words)
        truth = read_recorded(folder / "ljspeech" / "textgrid" / f"{row['clip']}.TextGrid")
        if found:
            words.add(found.words, truth.words)
            phones.add(voiced(found.phones), voiced(truth.phones))
    phones.clips, phones.failed = words.clips, words.failed
    return words, phones


def read_recorded(textgrid: Path) -> Alignment:
    """Phones and words of a long TextGrid as MFA writes it: two tiers of intervals, words first."""
    words, phones = textgrid.read_text().split('name = "phones"')
    return arpabet_alignment(_intervals(phones), _intervals(words))


def _intervals(tier: str) -> list[Interval]:
    found = re.findall(r'xmin = (\S+)\s+xmax = (\S+)\s+text = "(.*)"', tier)
    return [Interval(label, float(start), float(end)) for start, end, label in found]


def voiced(phones: Iterable[Interval]) -> list[Interval]:
    return [phone for phone in phones if phone.label not in SILENCES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    data: Path = parser.parse_args().data
    aligner = PocketsphinxAligner(PocketsphinxSettings())
    grid = clips_of(data / "grid-mini")
    by_split = {
        split: compare_grid(data / "grid-mini", [row for row in grid if row["split"] == split], aligner)
        for split in sorted({row["split"] for row in grid})
    }
    words, phones = compare_mfa(data / "speech", aligner)
    print("| boundaries | n | median (ms) | bias (ms) | within 20 ms | within 50 ms | within 100 ms | failed clips |")
    print("|---|---|---|---|---|---|---|---|")
    for offset, note in ((0.0, ""), (HALF_WINDOW, f", moved by {HALF_WINDOW * 1000:+.1f} ms")):
        for split, comparison in by_split.items():
            print(comparison.row(f"words, GRID ({split}){note}", offset))
        print(words.row(f"words, MFA on LJSpeech{note}", offset))
        print(phones.row(f"phones, MFA on LJSpeech{note}", offset))
    other = Comparison()
    for row in clips_of(data / "speech"):
        if row["corpus"] != "ljspeech":
            align(aligner, row["clip"], data / "speech" / row["audio"], row["text"], other)
    print(f"\nLibriSpeech and LibriTTS: {len(other.failed)} of {other.clips} clips failed {other.failed or ''}")
    everything = [*by_split.values(), words, other]
    speed = sum(c.audio for c in everything) / sum(c.seconds for c in everything)
    print(f"Speed: {speed:.0f} times faster than real time on one core")


if __name__ == "__main__":
    main()
