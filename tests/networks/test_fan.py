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

from dubber.errors import DubberError, MissingDataError
from dubber.media.faces import detector
from dubber.media.landmarks import face_of_landmarks
from dubber.media.settings import FAN_FILES, CropSettings
from dubber.networks import fan
from dubber.networks.fan import Fan
from tests.helpers.made_up_weights import made_up, shapes
from tests.media.test_faces import made_landmarks


def load(folder: Path, width: int = 360) -> Fan:
    return Fan(*(folder / name for name in FAN_FILES), width)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "face_alignment":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DubberError, match=r"pip install face-alignment==1\.5\.0"):
        detector(CropSettings(backend="fan"))


class Finder:
    """In the place of S3FD: says that each of `faces` is in every picture, and what pictures it saw."""

    def __init__(self) -> None:
        self.faces: list[list[float]] = []
        self.seen: list[tuple[int, ...]] = []

    def detect_from_image(self, tensor_or_path):
        assert tensor_or_path.dtype == np.uint8
        self.seen.append(tensor_or_path.shape)
        return [np.float32(face) for face in self.faces]


class StandIn:
    """Takes the calls of face_alignment 1.5.0 by its own signatures, and looks where it would look for weights."""

    made: dict

    def __init__(
        self, landmarks_type, network_size=4, device="cuda", dtype=torch.float32, flip_input=True, face_detector="sfd",
        face_detector_kwargs=None, verbose=False, compile=True, max_batch_size=1,
    ):  # fmt: skip
        hub = Path(torch.hub.get_dir()) / "checkpoints" / FAN_FILES[0]
        StandIn.made = {**locals(), "landmarks": hub.read_bytes()}
        self.face_detector = Finder()

    def get_landmarks_from_image(
        self, image_or_path, detected_faces=None, return_bboxes=False, return_landmark_score=False
    ):
        """Landmarks as wide as the box, in its middle."""
        assert image_or_path.dtype == np.uint8 and detected_faces
        return [made_landmarks(scale=(b[2] - b[0]) / 2, shift=((b[0] + b[2]) / 2, b[1])) for b in detected_faces]


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
    load(folder)
    assert torch.hub.get_dir() == hub, "only while the networks are loaded"
    made = stand_in.made
    assert made["landmarks"] == FAN_FILES[0].encode()
    assert made["face_detector_kwargs"] == {"path_to_detector": (folder / FAN_FILES[1]).as_posix()}
    assert (made["landmarks_type"], made["device"], made["face_detector"], made["compile"]) == (1, "cpu", "sfd", False)


@pytest.mark.parametrize(("width", "seen"), [(1440, (270, 360, 3)), (320, (240, 320, 3))])
def test_faces_are_boxes_with_landmarks_in_the_pictures_own_pixels(stand_in, folder, width, seen):
    found = detector(CropSettings(backend="fan", fan_weights=str(folder), detection_width=360))
    scale = min(1.0, 360 / width)
    faces = [[200, 90, 280, 180, 0.9], [10, 20, 40, 60, 0.6]]
    found.fan.model.face_detector.faces = [[*(scale * corner for corner in face[:4]), face[4]] for face in faces]
    detections = found.detect(np.zeros((width * 3 // 4, width, 3), np.uint8), 4)
    assert found.fan.model.face_detector.seen == [seen]
    assert [(d.frame, round(d.score, 3)) for d in detections] == [(4, 0.9), (4, 0.6)]
    for detection, (x0, y0, x1, _, _) in zip(detections, faces, strict=True):
        expected = face_of_landmarks(made_landmarks(scale=(x1 - x0) / 2, shift=((x0 + x1) / 2, y0)), 4)
        assert (detection.x, detection.y, detection.size) == pytest.approx((expected.x, expected.y, expected.size))
        assert detection.landmarks.shape == (68, 2)


def test_without_a_face_there_is_no_detection(stand_in, folder):
    assert load(folder).landmarks(np.zeros((9, 9, 3), np.uint8)) == []


@pytest.mark.parametrize("name", FAN_FILES)
def test_a_missing_file_is_named_before_the_package_could_fetch_it(stand_in, folder, name):
    (folder / name).unlink()
    with pytest.raises(MissingDataError, match=rf"(?s){name}.*dubber fetch fan"):
        load(folder)


def test_another_version_is_refused(stand_in, folder, monkeypatch):
    monkeypatch.setattr(fan, "version", lambda name: "1.4.1")
    with pytest.raises(DubberError, match=r"made for face-alignment 1\.5\.0, not 1\.4\.1"):
        load(folder)


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
    found = load(published)
    blind(found)
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    assert found.landmarks(picture) == []
    found.model.face_detector.detect_from_image = lambda image: [np.array([40, 20, 120, 110, 0.9])]
    ((points, score),) = found.landmarks(picture)
    assert score == 0.9 and points.shape == (68, 2) and np.isfinite(points).all()
    np.testing.assert_array_equal(found.landmarks(picture)[0][0], points)


@pytest.mark.parametrize("name", FAN_FILES)
def test_files_of_another_shape_or_with_code_in_them_are_refused(published, tmp_path, name):
    for file in FAN_FILES:
        (tmp_path / file).symlink_to(published / file)
    (tmp_path / name).unlink()
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / name)
    with pytest.raises(DubberError, match=r"(?s)do not hold the published weights.*Missing key"):
        load(tmp_path)
    torch.save({"a": Path("b")}, tmp_path / name)
    with pytest.raises(DubberError, match="do not hold the published weights"):
        load(tmp_path)
