"""Rule `fit_sync`: fitted on the training clips that have lips and sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dubber.artifacts import write_rows
from dubber.corpus.manifest import MANIFEST
from dubber.errors import DubberError
from dubber.metrics.sync_encoders import load_encoders
from dubber.steps.audio import AUDIO
from dubber.steps.crops import CROPS
from dubber.steps.fit_sync import fit_sync, load_pairs
from tests.metrics.test_lse import FIT, FRAMES, talking

SPLITS = {"a": "train", "b": "train", "deaf": "train", "short": "train", "test": "test"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A manifest, crops and audio; one clip has no sound, and one too few frames."""
    folder = tmp_path_factory.mktemp("sync")
    made = {clip: talking(i) for i, clip in enumerate(SPLITS)}
    frames = dict.fromkeys(SPLITS, FRAMES) | {"short": 2}
    crops = [{"clip": clip, "lips": lips[: frames[clip]]} for clip, (lips, _) in made.items()]
    write_rows(folder / "crops.parquet", crops, CROPS)
    audio = [{"clip": clip, "samples": wav} for clip, (_, wav) in made.items() if clip != "deaf"]
    write_rows(folder / "audio.parquet", audio, AUDIO)
    rows = [{"clip": clip, "split": split, "shard": "0000"} for clip, split in SPLITS.items()]
    write_rows(folder / "manifest.parquet", rows, MANIFEST)
    return folder


def files(folder: Path) -> tuple[tuple[Path], tuple[Path]]:
    return (folder / "crops.parquet",), (folder / "audio.parquet",)


def test_a_clip_without_lips_or_sound_is_left_out(corpus):
    pairs = load_pairs({"a", "b", "deaf", "short"}, *files(corpus), FIT)
    assert [pair.lips.shape for pair in pairs] == [(FRAMES, FIT.image_size, FIT.image_size)] * 2
    assert all(pair.mels.shape == (40, 4 * FRAMES) for pair in pairs)
    few = FIT.model_copy(update={"max_clips": 1})
    assert len(load_pairs({"a", "b"}, *files(corpus), few)) == 1


def test_the_training_clips_of_the_manifest_are_fitted_on(corpus, tmp_path):
    settings = FIT.model_copy(update={"steps": 2})
    fit_sync(corpus / "manifest.parquet", *files(corpus), settings, 1, tmp_path / "w.safetensors")
    encoders = load_encoders(tmp_path / "w.safetensors")
    assert all(bool(np.isfinite(value.numpy()).all()) for value in encoders.state_dict().values())


def test_too_few_clips_are_told(corpus, tmp_path):
    rows = [{"clip": "a", "split": "train", "shard": "0000"}]
    write_rows(tmp_path / "manifest.parquet", rows, MANIFEST)
    with pytest.raises(DubberError, match="found 1"):
        fit_sync(tmp_path / "manifest.parquet", *files(corpus), FIT, 1, tmp_path / "w")
