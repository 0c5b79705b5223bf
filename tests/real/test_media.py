"""Real recordings: GRID as distributed (MPEG-1, two sizes, three damaged clips) and re-encoded."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from dubber.artifacts import failures_path, read_rows
from dubber.media.audio import from_pcm
from dubber.media.crops import crop_clip
from dubber.media.faces import detector
from dubber.media.remux import mux
from dubber.media.settings import CropSettings
from dubber.media.video import probe
from dubber.steps.audio import audio
from dubber.steps.crops import crops
from tests.helpers.shards import shard_of

DAMAGED = {"s1/sgib8n", "s4/bbaf2a", "s4/bbaf2a_hq"}
FRAMES = 75


@pytest.fixture(scope="module")
def raw_rows(shared_data) -> list[dict]:
    videos = sorted((shared_data / "grid-raw").glob("s*/*.mpg"))
    return [{"clip": f"{v.parent.name}/{v.stem}", "video": f"{v.parent.name}/{v.name}", "audio": None} for v in videos]


@pytest.fixture(scope="module")
def raw_crops(shared_data, raw_rows, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("crops") / "0000.parquet"
    crops(shard_of(raw_rows, output, 0.2), shared_data / "grid-raw", CropSettings(), frames=FRAMES)
    return output


def test_twenty_four_raw_clips_pass_and_three_say_why_not(raw_rows, raw_crops):
    assert len(raw_rows) == 27
    rows = list(read_rows(raw_crops))
    assert {row["clip"] for row in rows} == {row["clip"] for row in raw_rows} - DAMAGED
    reasons = {row["clip"]: row["reason"] for row in read_rows(failures_path(raw_crops))}
    assert set(reasons) == DAMAGED
    assert reasons["s1/sgib8n"] == "the picture is damaged at 1.84 s"
    assert reasons["s4/bbaf2a"] == "damaged: 74 frames where every clip of this corpus has 75"
    assert "damaged" in reasons["s4/bbaf2a_hq"]


def test_the_detector_sees_every_frame_that_it_looks_at(raw_crops):
    looked_at = np.zeros(FRAMES, bool)
    looked_at[:: CropSettings().detect_every] = True
    looked_at[-1] = True
    for row in read_rows(raw_crops):
        assert row["n_frames"] == FRAMES == len(row["lips"]) == len(row["faces"])
        np.testing.assert_array_equal(row["detected"], looked_at)


def test_the_face_is_of_a_face_s_size_and_inside_the_picture(raw_crops):
    sizes = set()
    for row in read_rows(raw_crops):
        box = row["box"].reshape(FRAMES, 4) / row["width"]
        sides = box[:, 2] - box[:, 0]
        assert sides.min() > 0.3 and sides.max() < 0.55 and np.ptp(sides) < 0.05, row["clip"]
        assert box[:, :2].min() > 0 and box[:, 2].max() < 1
        sizes.add((row["width"], row["height"]))
    assert sizes == {(360, 288), (720, 576)}


def test_the_sound_of_the_raw_clips(shared_data, raw_rows, tmp_path):
    output = tmp_path / "0000.parquet"
    audio(shard_of(raw_rows, output, 0.1), shared_data / "grid-raw")
    rows = {row["clip"]: row for row in read_rows(output)}
    assert {row["clip"] for row in raw_rows} - set(rows) == {"s4/bbaf2a_hq"}
    for row in rows.values():
        assert row["source_rate"] == 44_100 and len(row["samples"]) == pytest.approx(47_650, abs=30)
        assert from_pcm(row["samples"]).std() > 0.003


def grid_mini_clips(folder: Path, of_each: int) -> list[dict]:
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    speakers = sorted({row["speaker"] for row in rows})
    return [row for s in speakers for row in [r for r in rows if r["speaker"] == s][:of_each]]


def lips_of(path: Path) -> np.ndarray:
    settings = CropSettings()
    crops = crop_clip(path, settings, detector(settings))
    return np.stack([cv2.imdecode(np.frombuffer(j, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float) for j in crops.lips])


def test_the_mouth_is_in_the_middle_and_moves_there(shared_data):
    """What changes from frame to frame is nearer to the crop's middle than to its edge, for every speaker."""
    folder = shared_data / "grid-mini"
    axis = np.arange(96) - 47.5
    for row in grid_mini_clips(folder, 1):
        motion = np.abs(np.diff(lips_of(folder / row["video"]), axis=0)).mean(axis=0)
        excess = np.clip(motion - np.quantile(motion, 0.8), 0, None)
        centre = np.array([(excess.sum(0) * axis).sum(), (excess.sum(1) * axis).sum()]) / excess.sum()
        assert np.abs(centre).max() < 14, (row["clip"], centre)
        inner = motion[24:72, 16:80].mean()
        assert inner > 1.5 * np.concatenate([motion[:12].ravel(), motion[:, :8].ravel()]).mean(), row["clip"]


def test_raw_and_re_encoded_show_the_same_mouth(shared_data):
    raw = lips_of(shared_data / "grid-raw" / "s1" / "bbaf5a.mpg")
    again = lips_of(shared_data / "grid-mini" / "video" / "s1" / "bbaf5a.mp4")
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(raw, again, strict=True)]
    assert min(correlations) > 0.95


def test_a_raw_clip_with_new_sound_plays_in_browsers(shared_data, tmp_path):
    mux(shared_data / "grid-raw" / "s1" / "bbaf5a.mpg", np.zeros(48_000, np.float32), 16_000, tmp_path / "a.mp4")
    about = probe(tmp_path / "a.mp4")
    assert about.plays_in_browsers and about.n_frames == FRAMES and about.has_audio
