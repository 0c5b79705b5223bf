"""What the embedded lip and face features know of the speech: ridge regression from pictures to sound.

    python benchmarks/media.py --data data

`--data` holds `grid-mini/` (clips.csv and videos) and `grid-raw/`. Prints the tables of docs/notebook/media.md: the one
that the default settings were chosen by, the one that confirms the choice on speakers and clips that no choice was made
by, and the raw clips. `--only` prints one of them.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import librosa
import numpy as np

from dubber.artifacts import ShardWriter, read_rows
from dubber.errors import ClipError
from dubber.media.audio import fit, read_audio
from dubber.media.crops import crop_clip
from dubber.media.faces import detector
from dubber.media.pca import change, mouth_pictures
from dubber.media.settings import CropSettings, FeatureSettings
from dubber.steps.crops import CROPS, crop_row
from dubber.steps.fit_features import fit_on_clips
from dubber.units import FRAME_SAMPLES, SAMPLE_RATE

BANDS = 20
CONTEXT = 2  # frames on either side
PENALTIES = 10.0 ** np.arange(0, 7.5, 0.5)
DCT_SIDE = 16  # lowest frequencies kept each way: 256 coefficients, and 256 changes
GRID_FRAMES = 75
DEFAULTS = FeatureSettings()
CHOICES = (
    DEFAULTS,
    FeatureSettings(centred=False),
    FeatureSettings(lip_whitening=0.0, face_whitening=0.5),
    FeatureSettings(lip_whitening=1.0, face_whitening=1.0),
    FeatureSettings(lip_scale=32),
    FeatureSettings(lip_scale=44),
)
RIVALS = (DEFAULTS, FeatureSettings(lip_scale=32), FeatureSettings(lip_whitening=0.0, face_whitening=0.5))
# Speakers that nothing is fitted on, group by group. The settings were chosen by the first, never by the others.
CHOOSING = (("s5", "s31", "s34"),)
CONFIRMING = (("s2", "s26", "s33"), ("s3", "s4", "s30", "s32"))

Features = Callable[[dict], np.ndarray]


@dataclass(frozen=True)
class Clips:
    """Rows of clips.csv: to fit on, to choose the penalty on, and two kinds to measure on."""

    train: list[dict]
    choose: list[dict]
    known_speakers: list[dict]
    new_speakers: list[dict]


@dataclass(frozen=True)
class Scores:
    """R² on new clips of a known speaker and on new speakers; the mel bands' is the mean over the bands."""

    energy_known: float
    bands_known: float
    energy_new: float
    bands_new: float


def choose_clips(folder: Path, new_speakers: Sequence[str], skip: int, of_s1: int, of_others: int) -> Clips:
    """Clips of s1, every n-th from number `skip` on, and the first ones of every other speaker."""
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**r, "clip": f"{r['speaker']}_{r['clip']}", "audio": None} for r in csv.DictReader(file)]
    s1 = [row for row in rows if row["speaker"] == "s1"]
    others = {row["speaker"] for row in rows} - {"s1", *new_speakers}
    seen = [r for s in sorted(others) for r in [row for row in rows if row["speaker"] == s][:of_others]]
    new = [r for s in new_speakers for r in [row for row in rows if row["speaker"] == s][:of_others]]
    step = len(s1) // (of_s1 + 30)
    s1 = s1[skip::step][: of_s1 + 30]
    return Clips(s1[:of_s1] + seen, s1[of_s1 : of_s1 + 10], s1[of_s1 + 10 :], new)


def sound_target(path: Path, frames: int) -> np.ndarray:
    """Log energy and log mel bands at the video's frames, without the clip's mean: float64 [F, 1 + BANDS]."""
    hop = FRAME_SAMPLES
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


def measure(features: Features, crops: dict[str, dict], targets: dict[str, np.ndarray], clips: Clips) -> Scores:
    """Fit a regression on the training clips, choose its penalty, predict the others."""

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
    return Scores(*scores)


def plain_dct(crops: dict[str, dict], train: Sequence[str], settings: FeatureSettings) -> Features:
    """The classical lip feature: low frequencies of the mouth picture and their change, scaled on training clips."""
    side = settings.lip_scale

    def raw(row: dict) -> np.ndarray:
        pictures = mouth_pictures(row["lips"], settings).reshape(-1, side, side)
        low = np.stack([cv2.dct(picture)[:DCT_SIDE, :DCT_SIDE].reshape(-1) for picture in pictures])
        return np.concatenate([low, change(low)], axis=1)

    spread = np.concatenate([raw(crops[name]) for name in train]).std(axis=0) + 1e-6
    return lambda row: raw(row) / spread


def candidates(
    parquet: Path, crops: dict[str, dict], train: list[str], variants: Sequence[FeatureSettings]
) -> Iterator[tuple[str, Features]]:
    """Every kind of features once, by its name, fitted on the clips `train`."""
    seen: set[str] = set()
    for settings in variants:
        transform = fit_on_clips([parquet], set(train), settings)
        mean = "clip's mean subtracted" if settings.centred else "clip's mean kept"
        lips = f"{mean}, {settings.lip_scale} pixels"
        for name, features in (
            (f"lips, components, {lips}, whitening {settings.lip_whitening}", lambda r, t=transform: t.lips(r["lips"])),
            (f"lips, plain DCT, {lips}", plain_dct(crops, train, settings)),
            (
                f"face, components, {mean}, whitening {settings.face_whitening}",
                lambda r, t=transform: t.faces(r["faces"], r["box"].reshape(-1, 4)),
            ),
        ):
            if name not in seen:
                yield name, features
            seen.add(name)


def score_group(folder: Path, parquet: Path, clips: Clips, variants: Sequence[FeatureSettings]) -> dict[str, Scores]:
    """Cut the crops of one division of the clips into `parquet` and score every kind of features on it."""
    rows = clips.train + clips.choose + clips.known_speakers + clips.new_speakers
    faces = detector(CropSettings())
    with ShardWriter(parquet, CROPS, step="crops", n_clips=len(rows), max_failed_share=0.05) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                row |= crop_row(crop_clip(folder / clip["video"], CropSettings(), faces))
    crops = {row["clip"]: row for row in read_rows(parquet)}
    targets = {row["clip"]: sound_target(folder / row["video"], crops[row["clip"]]["n_frames"]) for row in rows}
    train = [row["clip"] for row in clips.train]
    return {
        name: measure(features, crops, targets, clips) for name, features in candidates(parquet, crops, train, variants)
    }


def feature_table(folder: Path, work: Path, divisions: Sequence[Clips], variants: Sequence[FeatureSettings]) -> None:
    """A table for every division of the clips, and one of their mean."""
    scores: list[dict[str, Scores]] = []
    for i, clips in enumerate(divisions):
        scores.append(score_group(folder, work / f"{i}.parquet", clips, variants))
        speakers = ", ".join(sorted({row["speaker"] for row in clips.new_speakers}))
        counts = f"{len(clips.train)} training clips, {len(clips.known_speakers)} of a known speaker"
        print_scores(f"{counts}, {len(clips.new_speakers)} of new speakers ({speakers})", scores[-1:])
    if len(scores) > 1:
        print_scores(f"mean of {len(scores)} divisions", scores)


def print_scores(title: str, scores: Sequence[dict[str, Scores]]) -> None:
    print(f"\n{title}\n\n| features | energy, known | bands, known | energy, new | bands, new |\n|---|---|---|---|---|")
    for name in scores[0]:
        mean = np.mean([astuple(division[name]) for division in scores], axis=0)
        print(f"| {name} | " + " | ".join(f"{score:.3f}" for score in mean) + " |", flush=True)


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
    parser.add_argument("--only", choices=("choosing", "confirming", "raw"), help="one table instead of all")
    arguments = parser.parse_args()
    grid, sizes = arguments.data / "grid-mini", (arguments.of_s1, arguments.of_others)
    with tempfile.TemporaryDirectory() as work:
        if arguments.only in (None, "choosing"):
            feature_table(grid, Path(work), [choose_clips(grid, group, 0, *sizes) for group in CHOOSING], CHOICES)
        if arguments.only in (None, "confirming"):
            feature_table(grid, Path(work), [choose_clips(grid, group, 1, *sizes) for group in CONFIRMING], RIVALS)
    if arguments.only in (None, "raw"):
        speed_table(arguments.data / "grid-raw")


if __name__ == "__main__":
    main()
