"""A user's own features: what is taken, what is refused with which reason, and what makes them stale."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dubber import config
from dubber.errors import ClipError, ConfigError, DubberError, MissingDataError
from dubber.media.feature_streams import build_streams
from dubber.media.imported_features import Imported
from dubber.media.settings import FeatureSettings, ImportedStream
from dubber.user_files import features_digest

F, D = 8, 5


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "emonet").mkdir()
    return tmp_path / "emonet"


def values(frames: int = F, width: int = D, dtype: type = np.float32) -> np.ndarray:
    return (np.arange(frames)[:, None] + np.arange(width) / 8).astype(dtype)


def imported(folder: Path, content: object, tolerance: int = 1) -> np.ndarray:
    np.save(folder / "a.npy", content, allow_pickle=True)
    stream = Imported(ImportedStream(folder=str(folder), tolerance=tolerance), D, "face")
    return stream.of({"clip": "a", "n_frames": F}).values


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_precision_come_as_half_floats(folder, dtype):
    found = imported(folder, values(dtype=dtype))
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, values())


def test_a_frame_more_is_cut_off_and_a_frame_less_repeats_the_last(folder):
    np.testing.assert_array_equal(imported(folder, values(F + 1)), values())
    np.testing.assert_array_equal(imported(folder, values(F - 1)), np.vstack([values(F - 1), values(F - 1)[-1:]]))
    np.testing.assert_array_equal(imported(folder, values(F + 3), tolerance=3), values())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (values(F + 2), "has 10 frames, the clip 8"),
        (values(F - 2), "has 6 frames, the clip 8"),
        (values(0), "has 0 frames"),
        (values(width=4), r"is \[8, 4\], expected \[frames, 5\]"),
        (values()[None], r"is \[1, 8, 5\]"),
        (values(dtype=np.int32), "holds int32, not floats"),
        (np.where(values() > 6, np.nan, values()), "not every value is finite"),
        (np.where(values() > 6, np.inf, values()), "not every value is finite"),
        (values() * 1e5, "larger than 65504"),
        (np.array({"a": 1}, dtype=object), "cannot be read"),
    ],
)
def test_what_does_not_fit_has_a_reason(folder, content, reason):
    with pytest.raises(ClipError, match=f"^face features: .*{reason}"):
        imported(folder, content)


def test_nothing_is_unpickled(folder):
    ran = folder / "ran"

    class Hostile:
        def __reduce__(self):
            return Path.touch, (ran,)

    with pytest.raises(ClipError, match="cannot be read"):
        imported(folder, np.array([Hostile()], dtype=object))
    assert not ran.exists()


def test_a_damaged_file_and_an_archive_are_told(folder):
    stream = Imported(ImportedStream(folder=str(folder)), D, "lip")
    np.save(folder / "a.npy", values())
    (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:200])
    with pytest.raises(ClipError, match="cannot be read"):
        stream.of({"clip": "a", "n_frames": F})
    with (folder / "a.npy").open("wb") as file:
        np.savez(file, data=values())
    with pytest.raises(ClipError, match="holds NpzFile, not floats"):
        stream.of({"clip": "a", "n_frames": F})


def test_another_file_is_another_digest(folder):
    np.save(folder / "a.npy", values())
    first = features_digest(folder, ["a", "b"])
    assert features_digest(folder, ["a", "b"]) == first
    np.save(folder / "elsewhere.npy", values())
    assert features_digest(folder, ["a", "b"]) == first, "files of other clips do not count"
    np.save(folder / "b.npy", values())
    second = features_digest(folder, ["a", "b"])
    os.utime(folder / "a.npy", ns=(1, 1))
    assert len({first, second, features_digest(folder, ["a", "b"])}) == 3


def test_a_folder_that_is_not_there_is_named(tmp_path):
    for ask in (
        lambda: features_digest(tmp_path / "none", []),
        lambda: Imported(ImportedStream(folder=str(tmp_path / "none")), D, "lip"),
    ):
        with pytest.raises(MissingDataError, match=r"(?s)imported features is missing.*none"):
            ask()


def test_components_need_their_transform():
    with pytest.raises(DubberError, match="need their fitted transform"):
        build_streams(FeatureSettings())


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({"lip": {"backend": "import"}}, "folder"),
        ({"face": {"backend": "resnet18"}}, "resnet18"),
        ({"lip": {"backend": "resnet18"}, "lip_features": 100}, "gives 512"),
        ({"face_features": 4}, "at least 9"),
    ],
)
def test_impossible_features_are_refused(features, said):
    with pytest.raises(ConfigError, match=said):
        config.read({"features": {"demo": features}})


def test_lip_reading_needs_its_own_size_of_crop():
    override = {"features": {"demo": {"lip": {"backend": "resnet18"}}}, "crops": {"lip_size": 128}}
    with pytest.raises(ConfigError, match=r"needs crops\.lip_size: 96"):
        config.read(override)


def test_a_size_of_other_widths_is_refused():
    with pytest.raises(ConfigError, match="the size's lip_features is 80, not 512"):
        config.read({"sizes": {"tiny": {"lip_features": 80}}})
