"""Features: fitted on training clips only, scaled, repeatable, blind to light and deaf to nothing that moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dubber.errors import DubberError
from dubber.media.pca import FeatureTransform, change, choose_frames, fit_features, head_motion, mouth_pictures
from dubber.media.settings import FeatureSettings

F = 30


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()


def mouth(opening: float, light: float = 1.0) -> np.ndarray:
    picture = np.full((96, 96), 150, np.uint8)
    cv2.ellipse(picture, (48, 48), (28, round(4 + 12 * opening)), 0, 0, 360, 60, -1)
    return (picture * light).astype(np.uint8)


def clip(name: str, seed: int, frames: int = F, light: float = 1.0) -> dict:
    """A mouth that opens and shuts in a rhythm of its own."""
    random = np.random.default_rng(seed)
    openings = 0.5 + 0.5 * np.sin(np.arange(frames) * random.uniform(0.5, 1.5) + random.uniform(0, 6))
    faces = [random.integers(60, 200, (112, 112, 3), dtype=np.uint8) for _ in range(frames)]
    box = np.float32([100, 80, 200, 180]) + random.normal(0, 1, (frames, 1)).astype(np.float32)
    return {
        "clip": name,
        "n_frames": frames,
        "lips": [jpeg(mouth(opening, light)) for opening in openings],
        "faces": [jpeg(face) for face in faces],
        "box": box.reshape(-1),
        "detected": [True] * frames,
        "openings": openings,
    }


@pytest.fixture(scope="module")
def crops() -> list[dict]:
    return [clip(f"c{seed}", seed) for seed in range(5)]


def fit(crops: list[dict], settings: FeatureSettings) -> FeatureTransform:
    """Components of these clips."""
    sample = choose_frames({row["clip"]: row["n_frames"] for row in crops}, settings)
    return fit_features([row for row in crops if row["clip"] in sample.clips], sample, settings)


@pytest.fixture(scope="module")
def transform(crops) -> FeatureTransform:
    return fit(crops[:3], FeatureSettings())


def test_shapes_and_silent_axes(crops, transform):
    row = crops[3]
    lips, faces = transform.lips(row["lips"]), transform.faces(row["faces"], row["box"].reshape(-1, 4))
    assert lips.shape == (F, 512) and faces.shape == (F, 256)
    assert lips.dtype == faces.dtype == np.float16
    assert (lips[:, 3 * F : 256] == 0).all() and np.abs(lips[:, :3]).min() > 0


def test_the_whole_varies_by_one_on_training_frames(crops, transform):
    settings = FeatureSettings(lip_whitening=1.0)
    for fitted, kept in ((transform, 1), (fit(crops[:3], settings), 5)):
        lips = np.concatenate([fitted.lips(row["lips"]) for row in crops[:3]]).astype(float)
        np.testing.assert_allclose(lips[:, :kept].std(axis=0), 1, atol=0.02)
        np.testing.assert_allclose(lips[:, 256 : 256 + kept].std(axis=0), 1, atol=0.02)
        assert lips.std(axis=0).max() < 1.05


def test_whitening_is_an_exponent(crops):
    spreads = {}
    for whitening in (0.0, 0.5, 1.0):
        fitted = fit(crops[:3], FeatureSettings(lip_whitening=whitening))
        lips = np.concatenate([fitted.lips(row["lips"]) for row in crops[:3]]).astype(float)
        spreads[whitening] = lips[:, :4].std(axis=0)
    np.testing.assert_allclose(spreads[0.5], np.sqrt(spreads[0.0] * spreads[1.0]), rtol=0.05)
    assert spreads[0.0][3] < spreads[0.5][3] < spreads[1.0][3]


def test_the_opening_of_the_mouth_can_be_read_off(crops, transform):
    unseen = clip("new", 9)
    opening = unseen["openings"] - unseen["openings"].mean()
    features = transform.lips(unseen["lips"])[:, :8].astype(float)
    guess = features @ np.linalg.lstsq(features, opening, rcond=None)[0]
    assert np.corrcoef(guess, opening)[0, 1] > 0.98


def test_light_does_not_matter(transform):
    bright, dark = clip("a", 3), clip("a", 3, light=0.6)
    difference = np.abs(transform.lips(bright["lips"]).astype(float) - transform.lips(dark["lips"]))[:, :8]
    assert difference.max() < 0.2
    with_mean = FeatureSettings(centred=False)
    np.testing.assert_allclose(mouth_pictures(bright["lips"], with_mean).std(), 1, rtol=1e-4)


def test_the_number_of_frames_is_bounded_and_the_seed_decides(crops):
    few = FeatureSettings(max_frames=20)
    first, second = (fit(crops[:2], few) for _ in range(2))
    other = fit(crops[:2], few.model_copy(update={"seed": 1}))
    np.testing.assert_array_equal(first.mouth.axes, second.mouth.axes)
    assert np.count_nonzero(np.abs(first.mouth.axes).sum(axis=1)) <= 25
    assert not np.array_equal(first.mouth.mean, other.mouth.mean)


def test_of_a_large_corpus_few_clips_give_many_frames_each():
    frames = {f"c{seed}": F for seed in range(12)}
    few = choose_frames(frames, FeatureSettings(max_frames=18, least_share=0.2))
    assert len(few.clips) == 3  # 18 of 360 frames are a twentieth: a fifth of a quarter of the clips
    assert few.share == pytest.approx(18 / (3 * F))
    assert choose_frames(frames, FeatureSettings(max_frames=180)).clips == set(frames)


def test_saved_and_loaded_it_is_the_same(tmp_path, crops, transform):
    transform.save(tmp_path / "t.safetensors")
    loaded = FeatureTransform.load(tmp_path / "t.safetensors")
    row = crops[4]
    np.testing.assert_array_equal(loaded.lips(row["lips"]), transform.lips(row["lips"]))
    boxes = row["box"].reshape(-1, 4)
    np.testing.assert_array_equal(loaded.faces(row["faces"], boxes), transform.faces(row["faces"], boxes))
    assert loaded.settings == transform.settings
    transform.save(tmp_path / "again.safetensors")
    assert (tmp_path / "t.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_what_is_no_transform_says_so(tmp_path):
    (tmp_path / "t.safetensors").write_bytes(b"no")
    for name in ("t.safetensors", "none.safetensors"):
        with pytest.raises(DubberError, match="cannot be read"):
            FeatureTransform.load(tmp_path / name)


def test_one_frame_is_enough_to_apply(transform):
    row = clip("short", 1, frames=1)
    assert np.isfinite(transform.lips(row["lips"])).all()
    assert np.isfinite(transform.faces(row["faces"], row["box"].reshape(-1, 4))).all()


def test_change_is_per_second():
    ramp = np.tile(np.arange(10.0)[:, None], (1, 3))
    np.testing.assert_allclose(change(ramp), 25.0)
    assert (change(np.ones((1, 3))) == 0).all()


def test_head_motion_is_measured_in_faces():
    boxes = np.tile(np.float32([100, 100, 200, 200]), (11, 1))
    assert (head_motion(boxes) == 0).all()
    boxes[:, [0, 2]] += 10 * np.arange(11, dtype=np.float32)[:, None]
    motion = head_motion(boxes)
    np.testing.assert_allclose(motion[:, 0], 0.1 * np.arange(-5, 6), atol=1e-6)
    np.testing.assert_allclose(motion[:, 4], 0.1 * 25, atol=1e-4)
    np.testing.assert_allclose(head_motion(boxes * 3), motion, atol=1e-5)
