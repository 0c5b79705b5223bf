"""FAN through face-alignment: its box, its call, its weights from a local folder.

The networks themselves run where the package is installed (extra `fan`), on weights of the published shapes with
made-up numbers; elsewhere those tests skip, and a stand-in with the package's signatures takes the calls.
"""

from __future__ import annotations

import builtins
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_weights import made_up, shapes
from test_faces import made_landmarks

from dubber.errors import DubberError, MissingDataError
from dubber.media import fan
from dubber.media.faces import detector
from dubber.media.fan import Fan, box_of_landmarks
from dubber.media.settings import FAN_FILES, CropSettings


def test_the_box_of_landmarks_reaches_the_chin():
    landmarks = made_landmarks()
    box = box_of_landmarks(landmarks, 7)
    assert box.frame == 7 and box.x == pytest.approx(200, abs=1e-6)
    assert box.y - box.size / 2 < landmarks[17:27, 1].mean()
    assert landmarks[8, 1] == pytest.approx(box.y + box.size / 2, abs=0.1 * box.size)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "face_alignment":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DubberError, match=r"pip install face-alignment==1\.5\.0"):
        detector(CropSettings(backend="fan"))


class StandIn:
    """Takes the calls of face_alignment 1.5.0 by its own signatures, and looks where it would look for weights."""

    made: dict
    answer: list[np.ndarray] | None = None

    def __init__(
        self, landmarks_type, network_size=4, device="cuda", dtype=torch.float32, flip_input=True, face_detector="sfd",
        face_detector_kwargs=None, verbose=False, compile=True, max_batch_size=1,
    ):  # fmt: skip
        hub = Path(torch.hub.get_dir()) / "checkpoints" / FAN_FILES[0]
        StandIn.made = {**locals(), "landmarks": hub.read_bytes()}

    def get_landmarks_from_image(
        self, image_or_path, detected_faces=None, return_bboxes=False, return_landmark_score=False
    ):
        assert image_or_path.dtype == np.uint8 and image_or_path.shape[2] == 3
        return self.answer


@pytest.fixture
def stand_in(monkeypatch):
    package = types.ModuleType("face_alignment")
    package.FaceAlignment, package.LandmarksType = StandIn, types.SimpleNamespace(TWO_D=1)
    monkeypatch.setitem(sys.modules, "face_alignment", package)
    monkeypatch.setattr(fan, "version", lambda name: fan.VERSION)
    return StandIn


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in FAN_FILES:
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_its_weights_come_from_the_folder_alone(stand_in, folder):
    hub = torch.hub.get_dir()
    Fan(folder)
    assert torch.hub.get_dir() == hub, "only while the networks are loaded"
    made = stand_in.made
    assert made["landmarks"] == FAN_FILES[0].encode()
    assert made["face_detector_kwargs"] == {"path_to_detector": (folder / FAN_FILES[1]).as_posix()}
    assert (made["landmarks_type"], made["device"], made["face_detector"], made["compile"]) == (1, "cpu", "sfd", False)


def test_faces_are_boxes_with_landmarks(stand_in, folder, monkeypatch):
    found = [made_landmarks(), made_landmarks(scale=40, shift=(90, 90))]
    monkeypatch.setattr(stand_in, "answer", found)
    seen = detector(CropSettings(backend="fan", fan_weights=str(folder))).detect(np.zeros((9, 9, 3), np.uint8), 4)
    assert [d.frame for d in seen] == [4, 4]
    assert [d.size for d in seen] == [box_of_landmarks(points, 4).size for points in found]
    monkeypatch.setattr(stand_in, "answer", None)
    assert Fan(folder).detect(np.zeros((9, 9, 3), np.uint8), 4) == []


@pytest.mark.parametrize("name", FAN_FILES)
def test_a_missing_file_is_named_before_the_package_could_fetch_it(stand_in, folder, name):
    (folder / name).unlink()
    with pytest.raises(MissingDataError, match=rf"(?s){name}.*downloads/fan\.fetched"):
        Fan(folder)


def test_another_version_is_refused(stand_in, folder, monkeypatch):
    monkeypatch.setattr(fan, "version", lambda name: "1.4.1")
    with pytest.raises(DubberError, match=r"made for face-alignment 1\.5\.0, not 1\.4\.1"):
        Fan(folder)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """Files of the published shapes; the face detector is so made that it never sees a face."""
    pytest.importorskip("face_alignment", reason="the package face-alignment is not installed (extra `fan`)")
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    folder = tmp_path_factory.mktemp("fan")
    torch.save(made_up(shapes(FAN(4))), folder / FAN_FILES[0])
    torch.save({key: torch.zeros(shape) for key, shape in shapes(s3fd()).items()}, folder / FAN_FILES[1])
    return folder


def blind(fan: Fan) -> None:
    """No confidence in any face, whatever the picture."""
    with torch.no_grad():
        for name, parameter in fan.model.face_detector.face_detector.named_parameters():
            if name.endswith("conf.bias"):
                parameter[-1] = -20


def test_the_published_networks_load_and_run(published):
    found = Fan(published)
    blind(found)
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    assert found.detect(picture, 0) == []
    found.model.face_detector.detect_from_image = lambda image: [np.array([40, 20, 120, 110, 0.9])]
    seen = found.detect(picture, 3)
    assert len(seen) == 1 and seen[0].frame == 3
    assert seen[0].landmarks.shape == (68, 2) and np.isfinite(seen[0].landmarks).all()
    np.testing.assert_array_equal(found.detect(picture, 3)[0].landmarks, seen[0].landmarks)


@pytest.mark.parametrize("name", FAN_FILES)
def test_files_of_another_shape_or_with_code_in_them_are_refused(published, tmp_path, name):
    for file in FAN_FILES:
        (tmp_path / file).symlink_to(published / file)
    (tmp_path / name).unlink()
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / name)
    with pytest.raises(DubberError, match=r"(?s)do not hold the published weights.*Missing key"):
        Fan(tmp_path)
    torch.save({"a": Path("b")}, tmp_path / name)
    with pytest.raises(DubberError, match="do not hold the published weights"):
        Fan(tmp_path)
