"""The lip-reading ResNet-18: the published file's keys and shapes, the published network's numbers, features by it."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from dubber.errors import DubberError, MissingDataError
from dubber.media.lip_reader import mouth_middles
from dubber.networks import lip_reading as lipreading
from dubber.networks.lip_reading import LipReadingNetwork, load_lipreading
from tests.helpers.made_up_weights import digest, made_up, shapes

CLASSIFIER = {"tcn.tcn_output.weight": (500, 768), "tcn.mb_ms_tcn.network.0.cbcr0_0.conv.weight": (256, 512, 3)}


def save(path: Path, activation: str) -> Path:
    """A file of the published form: the weights in an entry beside training state, the words' classifier among them."""
    weights = made_up(shapes(LipReadingNetwork(activation)))
    weights |= {"trunk.layer1.0.bn1.num_batches_tracked": torch.tensor(7)}
    weights |= {key: torch.zeros(shape) for key, shape in CLASSIFIER.items()}
    torch.save({"epoch_idx": 80, "model_state_dict": weights, "best_prec": 0.889}, path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("lipreading") / "lrw_resnet18_mstcn_video.pth", "swish")


@pytest.fixture(scope="module")
def network(weights) -> LipReadingNetwork:
    return load_lipreading(weights)


def pictures(frames: int) -> Tensor:
    """Mouths that look irregular and are the same everywhere."""
    places = np.arange(frames * 88 * 88)
    waves = 127.5 * (1 + np.sin(1.7 * places + 3 * np.sin(0.01 * places)))
    return torch.from_numpy(waves).float().reshape(frames, 88, 88)


@pytest.mark.parametrize(
    ("activation", "tensors", "known"),
    [
        ("swish", 100, "0912c1ceb928ae72da8018402ba3e12717b874e0a8499ed17d95116b28799820"),
        ("prelu", 117, "52c61665460f435a13d55fdc5d68d78c0334d7ee902b9a53acb1bc1d0c2d4b33"),
    ],
)
def test_keys_and_shapes_are_the_published_ones(activation, tensors, known):
    table = shapes(LipReadingNetwork(activation))
    assert len(table) == tensors
    assert digest(table) == known
    for key, shape in {
        "frontend3D.0.weight": (64, 1, 5, 7, 7),
        "frontend3D.1.running_var": (64,),
        "trunk.layer1.0.conv1.weight": (64, 64, 3, 3),
        "trunk.layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "trunk.layer4.1.bn2.bias": (512,),
    }.items():
        assert table[key] == shape
    assert ("trunk.layer3.1.relu2.weight" in table) == (activation == "prelu")


def test_the_published_file_holds_as_many_bytes():
    """The model zoo says 139 MB; 25,190,900 of its parameters are the classifier's."""
    ours = sum(math.prod(shape) for shape in shapes(LipReadingNetwork()).values())
    assert ours == 11_192_384
    assert 4 * (ours + 25_190_900) / 2**20 == pytest.approx(139, abs=0.5)


GOLDEN = {
    "swish": [[17.129274, 4.099813, 52.313614, 10.554492], [17.083239, 2.244599, 57.611492, 15.463490]],
    "prelu": [[-683.96490, 431.00110, -493.05804, 1128.20777], [-703.12622, 942.56903, -326.08548, 1056.20837]],
}


@pytest.mark.parametrize("activation", ["swish", "prelu"])
def test_vectors_equal_the_published_networks(tmp_path, activation):
    """Made with mpc001/Lipreading_using_Temporal_Convolutional_Networks at 0cc99fa, `weights` and these pictures."""
    network = load_lipreading(save(tmp_path / "w.pth", activation), activation)
    with torch.inference_mode():
        found = network(pictures(9))
    assert found.shape == (9, 512)
    assert found[[0, 8], :4].numpy() == pytest.approx(np.array(GOLDEN[activation]), rel=1e-4, abs=1e-3)


def test_a_long_clip_in_runs_is_the_same(network, monkeypatch):
    with torch.inference_mode():
        whole = network(pictures(9))
        for run in (1, 4):
            monkeypatch.setattr(lipreading, "RUN", run)
            torch.testing.assert_close(network(pictures(9)), whole, rtol=1e-4, atol=1e-3)
        assert network(pictures(1)).shape == (1, 512)


def test_a_vector_sees_two_frames_either_way(network):
    with torch.inference_mode():
        before = network(pictures(9))
        changed = pictures(9)
        changed[4] = 0
        differs = (network(changed) - before).abs().amax(1) > 1e-3
    assert differs.tolist() == [False] * 2 + [True] * 5 + [False] * 2


def test_the_wrong_activation_a_missing_or_a_foreign_file_is_told(weights, tmp_path):
    with pytest.raises(DubberError, match=r"17 missing: frontend3D\.2\.weight, trunk\.layer1\.0\.relu1\.weight"):
        load_lipreading(weights, "prelu")
    with pytest.raises(DubberError, match=r"17 unexpected: frontend3D\.2\.weight"):
        load_lipreading(save(tmp_path / "older.pth", "prelu"))
    with pytest.raises(MissingDataError, match=r"dubber fetch lipreading"):
        load_lipreading(tmp_path / "none.pth")
    foreign = made_up(shapes(LipReadingNetwork())) | {
        "trunk.layer4.1.bn2.bias": torch.zeros(3),
        "head.w": torch.ones(1),
    }
    torch.save({"model_state_dict": foreign}, tmp_path / "foreign.pth")
    with pytest.raises(DubberError, match=r"1 unexpected: head\.w; 1 of the wrong shape: trunk\.layer4\.1\.bn2\.bias"):
        load_lipreading(tmp_path / "foreign.pth")


def test_the_middle_of_the_crop_is_what_is_seen():
    crop = np.full((96, 96), 30, np.uint8)
    crop[4:92, 4:92] = 200
    middle = mouth_middles([cv2.imencode(".png", crop)[1].tobytes()], 88)
    assert middle.shape == (1, 88, 88) and (middle == 200).all()
