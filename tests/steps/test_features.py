"""Rule `features`: a shard of lip and face features, whatever makes them."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.files import file_digest
from dubber.media.lip_reader import mouth_middles
from dubber.media.settings import FeatureSettings
from dubber.networks.lip_reading import load_lipreading
from dubber.steps.crops import CROPS
from dubber.steps.features import features
from tests.helpers.shards import counts
from tests.media.test_features import F, clip, fit
from tests.media.test_imported_features import D, values
from tests.networks.test_lipreading import save


def test_components_of_a_shard(tmp_path):
    crops = [clip(f"c{seed}", seed) for seed in range(3)]
    write_rows(tmp_path / "crops.parquet", crops, CROPS)
    transform = fit(crops[:2], FeatureSettings())
    transform.save(tmp_path / "t.safetensors")
    features(tmp_path / "crops.parquet", tmp_path / "t.safetensors", FeatureSettings(), 0.0, tmp_path / "f.parquet")
    assert counts(tmp_path / "f.parquet") == (3, 0)
    *_, row = read_rows(tmp_path / "f.parquet")
    assert row["clip"] == "c2"
    assert row["n_frames"] == F and row["lips"].shape == (F * 512,) and row["faces"].shape == (F * 256,)
    assert row["lips_by"] == row["faces_by"] == "pca"
    np.testing.assert_array_equal(row["lips"].reshape(F, 512), transform.lips(crops[2]["lips"]))


def test_a_clip_without_a_file_costs_itself(tmp_path):
    folder = tmp_path / "emonet"
    folder.mkdir()
    np.save(folder / "a.npy", values(8))
    write_rows(tmp_path / "crops.parquet", [{"clip": name, "n_frames": 8} for name in "ab"], CROPS)
    stream = {"backend": "import", "folder": str(folder)}
    settings = FeatureSettings.model_validate({"lip": stream, "face": stream, "lip_features": D, "face_features": D})
    output = tmp_path / "features.parquet"
    features(tmp_path / "crops.parquet", None, settings, 0.5, output)
    assert counts(output) == (1, 1)
    row, failure = next(read_rows(output)), next(read_rows(failures_path(output)))
    np.testing.assert_array_equal(row["faces"].reshape(8, D), values(8))
    assert failure["clip"] == "b" and failure["step"] == "features"
    assert failure["reason"] == f"no lip features: b.npy is not in {folder}"


def test_a_shard_of_lip_reading_features(tmp_path):
    weights = save(tmp_path / "lipreading.pth", "swish")
    random = np.random.default_rng(0)
    crops = [cv2.imencode(".jpg", random.integers(0, 255, (96, 96), dtype=np.uint8))[1].tobytes() for _ in range(5)]
    (tmp_path / "faces").mkdir()
    np.save(tmp_path / "faces" / "a.npy", np.ones((5, 3), np.float32))
    write_rows(tmp_path / "crops.parquet", [{"clip": "a", "n_frames": 5, "lips": crops}], CROPS)
    settings = FeatureSettings.model_validate(
        {
            "lip": {"backend": "resnet18", "weights": str(weights)},
            "face": {"backend": "import", "folder": str(tmp_path / "faces")},
            "face_features": 3,
        }
    )
    assert not settings.is_fitted
    output = tmp_path / "features.parquet"
    features(tmp_path / "crops.parquet", None, settings, 0, output)
    assert not list(read_rows(failures_path(output)))
    row = next(read_rows(output))
    with torch.inference_mode():
        expected = load_lipreading(weights)(torch.from_numpy(mouth_middles(crops, 88)).float())
    np.testing.assert_allclose(row["lips"].reshape(5, 512).astype(float), expected.numpy(), rtol=2e-3, atol=2e-3)
    assert row["lips_by"] == f"resnet18 {file_digest(weights)}"
    assert row["faces_by"] == f"import {file_digest(tmp_path / 'faces' / 'a.npy')}"
