"""The embedded sync encoders on made mouths: fitted on some clips, they find the shift in others."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dubber.errors import ClipError, MissingDataError
from dubber.media.audio import from_pcm
from dubber.metrics.av_sync import EmbeddedAvSync
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.lse import Lse
from dubber.metrics.settings import AvSyncSettings, SyncFitSettings, SyncSettings
from dubber.metrics.sync_encoders import load_encoders, read_lips, read_mels, save_encoders
from dubber.metrics.sync_fit import Pair, fit_encoders

FIT = SyncFitSettings(width=32, image_size=24, steps=60, clips=8, windows=10, learning_rate=3e-3)
FRAMES = 60


def talking(seed: int) -> tuple[list[bytes], np.ndarray]:
    """A mouth that opens as loud as the buzz that it makes: F JPEG images and samples."""
    rng = np.random.default_rng(seed)
    opening = np.abs(np.convolve(rng.normal(size=FRAMES + 4), np.ones(3) / 3, "same"))[:FRAMES]
    images = []
    for width in opening:
        image = np.full((96, 96), 180, np.uint8)
        cv2.ellipse(image, (48, 48), (30, int(2 + 22 * min(width, 1.5))), 0, 0, 360, 30, -1)
        images.append(cv2.imencode(".jpg", image)[1].tobytes())
    loudness = np.interp(np.arange(FRAMES * 640) / 640, np.arange(FRAMES) + 0.5, opening)
    buzz = sum(np.sin(2 * np.pi * 130 * k * np.arange(FRAMES * 640) / 16000) / k for k in range(1, 15))
    return images, (4000 * loudness * buzz).astype(np.int16)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sync")
    made = (talking(i) for i in range(24))
    pairs = [Pair(read_lips(lips, FIT.image_size), read_mels(from_pcm(wav), FRAMES)) for lips, wav in made]
    for name in ("one", "two"):
        save_encoders(fit_encoders(pairs, FIT), folder / f"{name}.safetensors")
    return folder


def shifted(wav: np.ndarray, frames: int) -> np.ndarray:
    """The sound `frames` video frames later."""
    return np.roll(wav, frames * 640).astype(np.float32) / 32768


def test_the_shift_of_unseen_clips_is_found_and_confidence_falls_with_noise(weights):
    lse = Lse(SyncSettings(), weights / "one.safetensors")
    rng = np.random.default_rng(0)
    clean, noisy, foreign = [], [], []
    for seed in range(100, 106):
        lips, wav = talking(seed)
        found = [lse.measure(lips=lips, wav=shifted(wav, lag)).offset for lag in (-6, 0, 4)]
        assert found == [-6, 0, 4]
        sound = shifted(wav, 0)
        clean.append(lse.measure(lips=lips, wav=sound))
        noisy.append(lse.measure(lips=lips, wav=sound + rng.normal(0, 2 * sound.std(), len(sound)).astype("f4")))
        foreign.append(lse.measure(lips=lips, wav=shifted(talking(seed + 50)[1], 0)))
    confidence, distance = (
        [np.mean([getattr(score, name) for score in group]) for group in (clean, noisy, foreign)]
        for name in ("confidence", "distance")
    )
    assert confidence[0] > confidence[1]
    assert confidence[0] > 2 * confidence[2]
    assert distance[0] < min(distance[1:])


def test_fitting_twice_gives_the_same_weights(weights):
    assert (weights / "one.safetensors").read_bytes() == (weights / "two.safetensors").read_bytes()


def test_columns_and_reasons(weights):
    lse = Lse(SyncSettings(), weights / "one.safetensors")
    lips, wav = talking(7)
    sample = Sample("c", "t", hypothesis=shifted(wav, 0), truth=wav, reference=wav, lips=lips)
    assert [score.column for score in lse.score(sample)] == ["LSE-C", "LSE-D"]
    with pytest.raises(ClipError, match="no lip crops"):
        lse.score(Sample("c", "t", hypothesis=wav, truth=wav, reference=wav))
    with pytest.raises(ClipError, match="fewer than the 5"):
        lse.measure(lips=lips[:4], wav=shifted(wav, 0))


def test_joint_features_are_the_recordings_own_and_drift_away_with_shift_noise_and_foreign_sound(weights):
    metric = EmbeddedAvSync(weights / "one.safetensors")
    rng = np.random.default_rng(0)
    scores: dict[str, list[float]] = {}
    for seed in range(100, 106):
        lips, wav = talking(seed)
        real = shifted(wav, 0)
        noise = rng.normal(0, 2 * real.std(), len(real)).astype("f4")
        dubs = {
            "own": real,
            "late": shifted(wav, 2),
            "noisy": real + noise,
            "foreign": shifted(talking(seed + 50)[1], 0),
        }
        for name, dub in dubs.items():
            value = metric.measure(lips=lips, reference=real, hypothesis=dub)
            scores.setdefault(name, []).append(value)
    assert scores["own"] == [1.0] * 6
    assert max(scores["late"] + scores["noisy"] + scores["foreign"]) < 0.99
    assert np.mean(scores["late"]) > np.mean(scores["foreign"])


def test_av_sync_is_a_column_of_its_own_and_needs_lips(weights):
    metric = build_metric(AvSyncSettings(), sync_weights=weights / "one.safetensors")
    lips, wav = talking(7)
    sound = shifted(wav, 0)
    (score,) = metric.score(Sample("c", "t", hypothesis=sound, truth=sound, reference=sound, lips=lips))
    assert (score.column, metric.backend) == ("AVSync-emb", "embedded sync encoders")
    assert score.value == 1
    with pytest.raises(ClipError, match="no lip crops"):
        metric.score(Sample("c", "t", hypothesis=sound, truth=sound, reference=sound))


def test_missing_weights_are_told():
    with pytest.raises(MissingDataError, match="sync encoders are missing"):
        load_encoders(None)


def test_mels_have_four_frames_for_each_video_frame_whatever_the_audio_length():
    for samples in (100, 640 * 10, 640 * 12):
        assert read_mels(np.ones(samples, np.float32), 10).shape == (40, 40)
