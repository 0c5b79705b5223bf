"""Faces are found, followed and cut out where they are: a photograph that moves along a known path."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from dubber.errors import ClipError
from dubber.media.crops import MOUTH_PRIOR, crop_clip, find_mouth
from dubber.media.faces import Haar, detector
from dubber.media.landmarks import LIP_SIDE, MEAN_FACE, aligned_mouth, face_of_landmarks, rigid_points, smooth_landmarks
from dubber.media.pictures import similarity, window
from dubber.media.settings import CropSettings
from dubber.media.tracking import Detection, Track, link, overlap, smooth, smooth_boxes, speaker_track, surest
from dubber.media.video import write_video

FACE = (222, 115)  # the middle of the photographed face, pixels
FRAMES = 40


def place(n: int) -> tuple[float, float]:
    """Where the photograph is shifted to in frame n."""
    return 60 + 40 * np.sin(n / 12), 60 + 20 * np.cos(n / 10)


def shot(n: int, background: int = 90) -> np.ndarray:
    photograph = data.astronaut()[:320]
    matrix = np.array([[1, 0, place(n)[0] - 60], [0, 1, place(n)[1] - 60]], np.float64)
    return cv2.warpAffine(photograph, matrix, (512, 320), borderMode=cv2.BORDER_CONSTANT, borderValue=[background] * 3)


@pytest.fixture(scope="module")
def moving_face(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_video(path, (shot(n) for n in range(FRAMES)), 25, None, 16_000)
    return path


def picture(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_track_follows_the_face(moving_face):
    settings = CropSettings()
    crops = crop_clip(moving_face, settings, detector(settings))
    assert len(crops.lips) == len(crops.faces) == FRAMES and crops.boxes.shape == (FRAMES, 4)
    assert picture(crops.lips[0]).shape == (96, 96) and picture(crops.faces[0]).shape == (112, 112, 3)
    assert (crops.width, crops.height, crops.source_fps) == (512, 320, 25)
    assert np.flatnonzero(crops.detected).tolist() == [*range(0, FRAMES, 5), FRAMES - 1]
    centres = (crops.boxes[:, :2] + crops.boxes[:, 2:]) / 2
    truth = np.array([(FACE[0] + place(n)[0] - 60, FACE[1] + place(n)[1] - 60) for n in range(FRAMES)])
    residual = centres - truth
    assert np.abs(residual.mean(axis=0)).max() < 15
    assert residual[5:-5].std(axis=0).max() < 4


def test_crops_of_a_moving_head_stand_still(moving_face):
    settings = CropSettings()
    crops = crop_clip(moving_face, settings, detector(settings))
    lips = np.stack([picture(jpeg).astype(float) for jpeg in crops.lips[5:-5]])
    assert np.abs(np.diff(lips, axis=0)).mean() < 5
    assert np.abs(lips[0] - lips[-1]).mean() < 0.5 * lips[0].std()


def test_colours_survive(moving_face):
    settings = CropSettings()
    crops = crop_clip(moving_face, settings, detector(settings))
    blue, green, red = picture(crops.faces[0])[40:70, 40:70].reshape(-1, 3).mean(axis=0)
    assert red > green > blue


def test_a_profile_is_found_whichever_way_it_looks():
    """The cameraman stands sideways; the frontal cascade sees nothing of him."""
    haar, profile = Haar(CropSettings()), np.stack([data.camera()] * 3, axis=2)
    (found,) = haar.detect(profile, 3)
    assert found.frame == 3 and (found.x, found.y) == (pytest.approx(225, abs=25), pytest.approx(130, abs=35))
    (mirrored,) = haar.detect(np.ascontiguousarray(profile[:, ::-1]), 3)
    assert mirrored.x == pytest.approx(512 - found.x, abs=3) and mirrored.y == pytest.approx(found.y, abs=3)


def test_no_face_is_a_reason(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "noise.mp4", [cv2.resize(f, (320, 240)) for f in noise], 25, None, 16_000)
    with pytest.raises(ClipError, match="no face found in 5 frames"):
        crop_clip(tmp_path / "noise.mp4", CropSettings(), Haar(CropSettings()))


def test_a_face_that_comes_late_is_a_reason(tmp_path):
    frames = [np.full((320, 512, 3), 90, np.uint8)] * 30 + [shot(n) for n in range(10)]
    write_video(tmp_path / "late.mp4", frames, 25, None, 16_000)
    with pytest.raises(ClipError, match="a face in only 3 of 9 frames"):
        crop_clip(tmp_path / "late.mp4", CropSettings(), Haar(CropSettings()))


def at(frame: int, x: float, y: float = 0.0, size: float = 100.0, score: float = 1.0) -> Detection:
    return Detection(frame, x, y, size, score)


def test_overlap_has_its_closed_form():
    assert overlap(at(0, 0), at(0, 0)) == 1
    assert overlap(at(0, 0), at(0, 50)) == pytest.approx(1 / 3)
    assert overlap(at(0, 0), at(0, 0, size=50)) == pytest.approx(1 / 4)
    assert overlap(at(0, 0), at(0, 100)) == 0


def test_of_two_boxes_on_one_face_the_surer_is_kept():
    kept = surest([at(0, 0, size=185, score=1.4), at(0, 8, y=60, size=151, score=10.1), at(0, 400, score=5)])
    assert [d.score for d in kept] == [10.1, 5]


def test_two_faces_stay_two_tracks_and_the_larger_wins():
    frames = [[at(n, n, size=100), at(n, 300 - n, size=80)] for n in range(0, 50, 5)]
    frames[4] = frames[4][1:]
    tracks = link(frames, fps=25)
    assert [len(track.detections) for track in tracks] == [9, 10]
    assert speaker_track(tracks, 10, 0.5).detections[0].size == 100


def test_a_lost_track_is_not_taken_up_after_a_long_time():
    assert len(link([[at(0, 0)], [at(30, 0)]], fps=25)) == 1
    assert len(link([[at(0, 0)], [at(60, 0)]], fps=25)) == 2


def test_gaps_are_bridged_and_a_straight_path_stays_straight():
    track = Track([at(n, 2.0 * n, size=100) for n in (0, 5, 20, 40)])
    boxes = smooth_boxes(track, 41, fps=25, inertia=0.08)
    assert boxes.shape == (41, 3) and boxes.dtype == np.float32
    np.testing.assert_allclose(boxes[10:31, 0], 2 * np.arange(10, 31), atol=1e-3)
    np.testing.assert_allclose(boxes[:, 2], 100, atol=1e-3)


def test_smoothing_takes_noise_and_leaves_the_path():
    time = np.arange(80.0)
    path = 0.01 * (time - 40) ** 2 + time
    inner = slice(15, -15)
    np.testing.assert_allclose(smooth(path, 5.0)[inner], path[inner], atol=0.03)
    noise = np.random.default_rng(0).normal(0, 1, 2000)
    assert smooth(noise, 5.0).std() < 0.4
    np.testing.assert_allclose(smooth(np.array([7.0]), 5.0), [7.0])


def test_the_mouth_is_where_it_moves():
    random = np.random.default_rng(1)
    right, down = 0.03, 0.25
    frames = []
    for n in range(30):
        frame = np.full((200, 200, 3), 120, np.uint8) + random.integers(0, 3, (200, 200, 3), dtype=np.uint8)
        opening = 6 + 5 * np.sin(n)
        cv2.ellipse(frame, (round(100 + right * 160), round(100 + down * 160)), (16, round(opening)), 0, 0, 360, 0, -1)
        frames.append(frame)
    tracked = np.tile(np.float32([100, 100, 160]), (30, 1))
    assert find_mouth(iter(frames), tracked) == pytest.approx((right, down), abs=0.02)
    assert find_mouth(iter(frames[:1] * 30), tracked) == MOUTH_PRIOR


def test_a_window_keeps_its_middle_and_goes_on_beyond_the_edge():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    for side in (20, 40, 173):
        cut = window(ramp, 100, 100, side, 40).astype(float)
        assert cut.shape == (40, 40) and cut.mean() == pytest.approx(99.5, abs=1)
    assert (window(ramp, -50, 100, 20, 40) == 0).all()
    fine = np.tile(np.array([0, 255] * 100, np.uint8), (200, 1))
    assert window(fine, 100, 100, 160, 40)[:, 4:-4].std() < 3


def made_landmarks(angle: float = 0.0, scale: float = 80.0, shift: tuple[float, float] = (200.0, 150.0)) -> np.ndarray:
    """68 points of an upright face in units of the distance of the eyes, then turned, scaled and moved."""
    points = np.zeros((68, 2))
    points[:17] = [(1.1 * np.sin(a), 0.5 + 1.3 * np.cos(a)) for a in np.linspace(-1.6, 1.6, 17)]
    points[17:27] = [(x, -0.35) for x in np.linspace(-0.8, 0.8, 10)]
    points[27:31] = [(0, y) for y in np.linspace(0.0, 0.6, 4)]
    points[31:36] = [(x, 0.75) for x in np.linspace(-0.2, 0.2, 5)]
    ring = np.array([(np.cos(a), np.sin(a)) for a in np.arange(6) * np.pi / 3])
    points[36:42], points[42:48] = ring * 0.15 + (-0.5, 0), ring * 0.15 + (0.5, 0)
    around = np.arange(20) * np.pi / 10
    points[48:68] = np.column_stack([0.4 * np.cos(around), 1.15 + 0.15 * np.sin(around)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


def test_a_similarity_is_recovered():
    points = made_landmarks()
    moved = made_landmarks(angle=0.3, scale=50, shift=(10, 20))
    matrix = similarity(points, moved)
    np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], moved, atol=1e-9)
    assert np.hypot(*matrix[:, 0]) == pytest.approx(50 / 80)


def test_the_mean_face_is_its_own_alignment():
    rigid = rigid_points(made_landmarks(scale=1, shift=(0, 0)))
    np.testing.assert_allclose(rigid, MEAN_FACE, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.35, -0.2])
def test_a_turned_head_gives_an_upright_mouth(angle):
    landmarks = made_landmarks(angle)
    canvas = np.full((400, 400), 200, np.uint8)
    cv2.fillPoly(canvas, [np.round(landmarks[48:68] * 16).astype(np.int32)], 0, shift=4)
    points, mouth = smooth_landmarks([Detection(0, 0, 0, 1, landmarks=landmarks)], 3, sigma=2.0)
    assert points.shape == (3, 3, 2)
    np.testing.assert_allclose(mouth, (0, 1.15), atol=1e-6)
    crop = aligned_mouth(canvas, points[1], mouth, 96)
    rows, columns = np.nonzero(crop < 100)
    assert (rows.mean(), columns.mean()) == (pytest.approx(47.5, abs=1), pytest.approx(47.5, abs=1))
    assert np.ptp(columns) == pytest.approx(0.8 / LIP_SIDE * 96, abs=3)
    assert np.ptp(rows) == pytest.approx(0.3 / LIP_SIDE * 96, abs=3)


class MadeLandmarks:
    """A detector that knows where the photograph's landmarks are."""

    name = "made"

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        x, y = place(frame)
        return [face_of_landmarks(made_landmarks(scale=42, shift=(x + 162, y + 38)), frame)]


def test_landmarks_lead_to_the_same_mouth_in_every_frame(moving_face):
    crops = crop_clip(moving_face, CropSettings(), MadeLandmarks())
    lips = np.stack([picture(jpeg).astype(float) for jpeg in crops.lips[5:-5]])
    assert lips.shape[1:] == (96, 96)
    assert np.abs(lips[0] - lips[-1]).mean() < 0.5 * lips[0].std()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_have_crops(tmp_path, frames):
    write_video(tmp_path / "a.mp4", (shot(n) for n in range(frames)), 25, None, 16_000)
    crops = crop_clip(tmp_path / "a.mp4", CropSettings(), Haar(CropSettings()))
    assert len(crops.lips) == frames and np.isfinite(crops.boxes).all()


def test_the_box_of_landmarks_reaches_the_chin():
    landmarks = made_landmarks()
    box = face_of_landmarks(landmarks, 7)
    assert box.frame == 7 and box.x == pytest.approx(200, abs=1e-6)
    assert box.y - box.size / 2 < landmarks[17:27, 1].mean()
    assert landmarks[8, 1] == pytest.approx(box.y + box.size / 2, abs=0.1 * box.size)
