"""Writes tests/golden/data/sox_silence.json: what sox's silence filter keeps of a made-up sound.

    python -m tests.golden.recipes.sox_silence

Needs sox (14.4.2 made the stored file). The sound is `sound`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

STORED = Path(__file__).parent.parent / "data" / "sox_silence.json"
FILTER = "silence 1 0.1 1% -1 0.1 1%"


def sound(seed: int = 0, pieces: int = 60) -> np.ndarray:
    """Noise in pieces of 10 to 300 ms, each with a level between 0.2 and 5 % of full scale: float32 [T] at 16 kHz."""
    random = np.random.default_rng(seed)
    parts = [
        random.standard_normal(random.integers(160, 4800)) * 10 ** random.uniform(-2.7, -1.3) for _ in range(pieces)
    ]
    return np.concatenate(parts).astype(np.float32)


def runs_of(wav: np.ndarray, kept: np.ndarray, shown: int = 50) -> list[list[int]]:
    """Beginnings and ends in wav of the stretches that make up `kept`, found by their first samples."""
    runs, place, start = [], 0, 0
    windows = np.lib.stride_tricks.sliding_window_view(wav, shown)
    while place < len(kept):
        start += int(np.flatnonzero(np.abs(windows[start:] - kept[place : place + shown]).max(axis=1) < 1e-6)[0])
        same = np.abs(wav[start : start + len(kept) - place] - kept[place : place + len(wav) - start]) < 1e-6
        length = len(same) if same.all() else int(np.argmin(same))
        runs.append([start, start + length])
        place, start = place + length, start + length
    return runs


def main() -> None:
    wav = sound()
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.wav", Path(folder) / "after.wav"
        soundfile.write(before, wav, 16000, subtype="FLOAT")
        command = ["sox", "-D", before, "-e", "float", "-b", "32", after, *FILTER.split()]
        subprocess.run([str(word) for word in command], check=True)
        kept = soundfile.read(after, dtype="float32")[0]
    runs = runs_of(wav, kept)
    version = subprocess.run(["sox", "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    STORED.write_text(json.dumps({"sox": version, "filter": FILTER, "samples": len(wav), "kept": runs}) + "\n")


if __name__ == "__main__":
    main()
