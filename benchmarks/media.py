"""What the embedded lip and face features know of the speech: ridge regression from pictures to sound.

    python benchmarks/media.py --data ../shared/data

`--data` holds `grid-mini/` (clips.csv and videos) and `grid-raw/`. Prints the tables of docs/results/media.md.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import librosa
import numpy as np

from dubber.artifacts import read_rows
from dubber.errors import ClipError
from dubber.media.audio import SAMPLE_RATE, fit, read_audio
from dubber.media.crops import crop_clip
from dubber.media.faces import detector
from dubber.media.features import change, fit_features, mouth_pictures
from dubber.media.settings import CropSettings, FeatureSettings
from dubber.media.shards import crop_shard

FPS = 25
BANDS = 20
CONTEXT = 2  # frames on either side
PENALTIES = 10.0 ** np.arange(0, 7.5, 0.5)
DCT_SIDE = 16  # lowest frequencies kept each way: 256 coefficients, and 256 changes
GRID_FRAMES = 75
WHITENING = FeatureSettings().whitening
VARIANTS = (
    FeatureSettings(),
    FeatureSettings(centred=False),
    FeatureSettings(whitening=0.0),
    FeatureSettings(whitening=1.0),
    FeatureSettings(lip_scale=32),
    FeatureSettings(lip_scale=44),
)
HELD_OUT_SPEAKERS = ("s5", "s31", "s34")

Features = Callable[[dict], np.ndarray]


@dataclass(frozen=True)
class Clips:
    """Rows of clips.csv: to fit on, to choose the penalty on, and two kinds to measure on."""

    train: list[dict]
    choose: list[dict]
    known_speakers: list[dict]
    new_speakers: list[dict]


def choose_clips(folder: Path, of_s1: int, of_others: int) -> Clips:
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**r, "clip": f"{r['speaker']}_{r['clip']}", "audio": None} for r in csv.DictReader(file)]
    s1 = [row for row in rows if row["speaker"] == "s1"]
    others = {row["speaker"] for row in rows} - {"s1", *HELD_OUT_SPEAKERS}
    seen = [r for s in sorted(others) for r in [row for row in rows if row["speaker"] == s][:of_others]]
    new = [r for s in HELD_OUT_SPEAKERS for r in [row for row in rows if row["speaker"] == s][:of_others]]
    step = len(s1) // (of_s1 + 30)
    s1 = s1[::step][: of_s1 + 30]
    return Clips(s1[:of_s1] + seen, s1[of_s1 : of_s1 + 10], s1[of_s1 + 10 :], new)


def sound_target(path: Path, frames: int) -> np.ndarray:
    """Log energy and log mel bands at the video's frames, without the clip's mean: float64 [F, 1 + BANDS]."""
    hop = SAMPLE_RATE // FPS
    samples = fit(read_audio(path).samples, frames * hop)
    spectrum = np.abs(librosa.stft(np.pad(samples, hop // 2), n_fft=1024, win_length=hop, hop_length=hop, center=False))
    mel = librosa.feature.melspectrogram(S=spectrum**2, sr=SAMPLE_RATE, n_mels=BANDS)
    blocks = samples.reshape(frames, hop).astype(np.float64)
    energy = np.log(np.mean(blocks**2, axis=1) + 1e-8)
    bands = np.log(mel.T + 1e-6)
    bands = bands[np.clip(np.arange(frames), 0, len(bands) - 1)]
    target = np.concatenate([energy[:, None], bands], axis=1)
    return target - target.mean(axis=0)


def with_context(features: np.ndarray) -> np.ndarray:
    """[F, k] -> [F, k * (2 * CONTEXT + 1)]; the clip's ends are repeated."""
    padded = np.pad(features.astype(np.float64), ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    return np.concatenate([padded[i : i + len(features)] for i in range(2 * CONTEXT + 1)], axis=1)


def ridge(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray, float], np.ndarray]:
    """A predictor for every penalty, from one eigendecomposition."""
    values, vectors = np.linalg.eigh(x.T @ x)
    projected = vectors.T @ (x.T @ y)
    return lambda new, penalty: new @ (vectors @ (projected / (values + penalty)[:, None]))


def explained(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """R² of every column."""
    return 1 - ((truth - guess) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)


def measure(features: Features, crops: dict[str, dict], targets: dict[str, np.ndarray], clips: Clips) -> list[float]:
    """R² of energy and mean R² of the bands on known speakers' new clips, then on new speakers."""

    def stack(rows: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
        names = [row["clip"] for row in rows if row["clip"] in crops]
        x = np.concatenate([with_context(features(crops[name])) for name in names])
        return x, np.concatenate([targets[name] for name in names])

    x, y = stack(clips.train)
    mean = x.mean(axis=0)
    predict = ridge(x - mean, y)
    x_choose, y_choose = stack(clips.choose)
    penalty = max(PENALTIES, key=lambda p: explained(y_choose, predict(x_choose - mean, p)).mean())
    scores = []
    for rows in (clips.known_speakers, clips.new_speakers):
        x_new, y_new = stack(rows)
        r2 = explained(y_new, predict(x_new - mean, penalty))
        scores += [float(r2[0]), float(r2[1:].mean())]
    return scores


def plain_dct(crops: dict[str, dict], train: Sequence[str], settings: FeatureSettings) -> Features:
    """The classical lip feature: low frequencies of the mouth picture and their change, scaled on training clips."""
    side = settings.lip_scale

    def raw(row: dict) -> np.ndarray:
        pictures = mouth_pictures(row["lips"], settings).reshape(-1, side, side)
        low = np.stack([cv2.dct(picture)[:DCT_SIDE, :DCT_SIDE].reshape(-1) for picture in pictures])
        return np.concatenate([low, change(low)], axis=1)

    spread = np.concatenate([raw(crops[name]) for name in train]).std(axis=0) + 1e-6
    return lambda row: raw(row) / spread


def feature_table(folder: Path, work: Path, clips: Clips) -> None:
    parquet, rows = work / "crops.parquet", clips.train + clips.choose + clips.known_speakers + clips.new_speakers
    crop_shard(rows, folder, parquet, CropSettings(), max_failed_share=0.05)
    crops = {row["clip"]: row for row in read_rows(parquet)}
    targets = {row["clip"]: sound_target(folder / row["video"], crops[row["clip"]]["n_frames"]) for row in rows}
    train = [row["clip"] for row in clips.train]
    counts = len(train), len(clips.known_speakers), len(clips.new_speakers)
    print("{} training clips, {} of a known speaker, {} of new speakers\n".format(*counts))
    print("| features | energy, known | bands, known | energy, new | bands, new |\n|---|---|---|---|---|")
    for settings in VARIANTS:
        transform = fit_features([parquet], set(train), settings)
        what = "clip's mean subtracted" if settings.centred else "clip's mean kept"
        fine = f"{what}, {settings.lip_scale} pixels, whitening {settings.whitening}"
        candidates: dict[str, Features] = {
            f"lips, components, {fine}": lambda row, t=transform: t.lips(row["lips"]),
            f"face, components, {what}, whitening {settings.whitening}": lambda row, t=transform: t.faces(
                row["faces"], row["box"].reshape(-1, 4)
            ),
        }
        if settings.whitening == WHITENING:
            candidates[f"lips, plain DCT, {what}, {settings.lip_scale} pixels"] = plain_dct(crops, train, settings)
        for title, features in candidates.items():
            scores = measure(features, crops, targets, clips)
            print(f"| {title} | " + " | ".join(f"{score:.3f}" for score in scores) + " |", flush=True)


def speed_table(folder: Path) -> None:
    """Every raw clip: whether it passes, why not, and how fast."""
    settings = CropSettings()
    faces = detector(settings)
    print("\n| clip | outcome | ms a frame |\n|---|---|---|")
    for path in sorted(folder.glob("s*/*.mpg")):
        start = time.process_time()
        try:
            read_audio(path)
            crops = crop_clip(path, settings, faces)
            n, seen = len(crops.lips), int(crops.detected.sum())
            verdict = "passes" if n == GRID_FRAMES else f"fails: {n} frames where every clip has {GRID_FRAMES}"
            outcome = f"{verdict}; {crops.width}x{crops.height}, face seen in {seen} frames"
            speed = f"{1000 * (time.process_time() - start) / n:.1f}"
        except ClipError as error:
            outcome, speed = f"fails: {error.what}", ""
        print(f"| {path.parent.name}/{path.stem} | {outcome} | {speed} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--of-s1", type=int, default=60, help="training clips of speaker s1")
    parser.add_argument("--of-others", type=int, default=8, help="clips of every other speaker")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        grid = arguments.data / "grid-mini"
        feature_table(grid, Path(work), choose_clips(grid, arguments.of_s1, arguments.of_others))
    speed_table(arguments.data / "grid-raw")


if __name__ == "__main__":
    main()
