"""Rule `fit_features`: fitted on the training clips of some shards, and on no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dubber.artifacts import write_rows
from dubber.errors import DubberError
from dubber.media.settings import FeatureSettings
from dubber.steps.crops import CROPS
from dubber.steps.fit_features import fit_on_clips
from tests.media.test_features import clip, fit

TRAINING = {"c0", "c1", "c2"}


def crops(folder: Path, seeds: dict[str, int]) -> list[Path]:
    """Two shards of clips."""
    rows = [clip(name, seed) for name, seed in seeds.items()]
    paths = [folder / "0000.parquet", folder / "0001.parquet"]
    for path, some in zip(paths, (rows[:2], rows[2:]), strict=True):
        write_rows(path, some, CROPS)
    return paths


def test_held_out_clips_change_nothing(tmp_path):
    found = fit_on_clips(
        crops(tmp_path, {f"c{i}": i if i < 3 else 50 + i for i in range(5)}), TRAINING, FeatureSettings()
    )
    alone = fit([clip(f"c{i}", i) for i in range(3)], FeatureSettings())
    np.testing.assert_array_equal(found.mouth.axes, alone.mouth.axes)
    np.testing.assert_array_equal(found.face.mean, alone.face.mean)


def test_a_clip_that_the_sample_leaves_out_changes_nothing(tmp_path):
    few = FeatureSettings(max_frames=30, least_share=1.0)
    first = fit_on_clips(crops(tmp_path, {f"c{i}": i for i in range(5)}), TRAINING, few)
    others = [
        fit_on_clips(crops(tmp_path, {f"c{i}": 50 + i if i == changed else i for i in range(5)}), TRAINING, few)
        for changed in range(3)
    ]
    same = [np.array_equal(first.mouth.mean, other.mouth.mean) for other in others]
    assert sorted(same) == [False, True, True], "30 frames are one clip of three"


def test_without_training_clips_nothing_is_fitted(tmp_path):
    with pytest.raises(DubberError, match="No training clip"):
        fit_on_clips(crops(tmp_path, {f"c{i}": i for i in range(5)}), {"unknown"}, FeatureSettings())
