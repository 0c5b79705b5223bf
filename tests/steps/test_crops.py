"""Rule `crops`: a shard of faces, and the reasons of clips without."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubber.artifacts import failures_path, read_rows
from dubber.media.settings import CropSettings
from dubber.media.video import write_video
from dubber.steps.crops import crops
from tests.helpers.shards import counts, shard_of
from tests.media.test_faces import FRAMES, shot


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """A folder with the film of a moving face, a.mp4."""
    folder = tmp_path_factory.mktemp("video")
    write_video(folder / "a.mp4", (shot(n) for n in range(FRAMES)), 25, None, 16_000)
    return folder


def test_a_shard_names_its_failures(videos, tmp_path):
    (videos / "empty.mp4").touch()
    rows = [
        {"clip": "good", "video": "a.mp4"},
        {"clip": "empty", "video": "empty.mp4"},
        {"clip": "none", "video": None},
    ]
    crops(shard_of(rows, tmp_path / "crops.parquet", 0.9), videos, CropSettings(), frames=None)
    assert counts(tmp_path / "crops.parquet") == (1, 2)
    stored = next(read_rows(tmp_path / "crops.parquet"))
    assert stored["n_frames"] == FRAMES == len(stored["lips"]) == len(stored["faces"]) == len(stored["detected"])
    assert stored["box"].shape == (4 * FRAMES,)
    reasons = [row["reason"] for row in read_rows(failures_path(tmp_path / "crops.parquet"))]
    assert "empty" in reasons[0] and "names no video" in reasons[1]


def test_a_clip_with_another_number_of_frames_is_damaged(videos, tmp_path):
    rows = [{"clip": "a", "video": "a.mp4"}]
    output = tmp_path / "crops.parquet"
    crops(shard_of(rows, output), videos, CropSettings(), frames=FRAMES + 1)
    assert next(read_rows(failures_path(output)))["reason"].startswith("damaged: 40 frames where every clip")
