"""SyncNet v2: the published file's keys and shapes, the published network's numbers, and LSE through it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from dubber.artifacts import read_rows, write_rows
from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics import lse_syncnet
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.lse_syncnet import SyncnetLse, cepstrum_windows, read_faces
from dubber.metrics.settings import SyncSettings
from dubber.networks.mfcc import mfcc
from dubber.networks.syncnet import SyncNet, load_syncnet
from dubber.steps.score import Heard, score
from tests.helpers.made_up_weights import digest, made_up, shapes
from tests.helpers.shards import shard_of

PUBLISHED_BYTES = 54_573_114  # of syncnet_v2.model


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A file of the published format (that of PyTorch 0.3), keys and shapes."""
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(made_up(shapes(SyncNet())), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def network(weights) -> SyncNet:
    return load_syncnet(weights)


def wave(count: int) -> np.ndarray:
    """Numbers in -1..1 that look irregular and are the same everywhere."""
    return np.sin(1.7 * np.arange(count) + 3 * np.sin(0.01 * np.arange(count)))


def frames(count: int) -> Tensor:
    return torch.from_numpy(127.5 * (1 + wave(count * 3 * 224 * 224))).float().reshape(count, 3, 224, 224)


def test_keys_and_shapes_are_the_published_ones():
    table = shapes(SyncNet())
    assert len(table) == 88
    assert digest(table) == "5c6e0c5d2280e251a23533eab92a7bc129cf0ca6f6558b44e82c9432b5c51501"
    for key, shape in {
        "netcnnaud.0.weight": (64, 1, 3, 3),
        "netcnnaud.5.running_var": (192,),
        "netcnnaud.18.weight": (512, 256, 5, 4),
        "netfcaud.3.weight": (1024, 512),
        "netcnnlip.0.weight": (96, 3, 5, 7, 7),
        "netcnnlip.4.weight": (256, 96, 1, 5, 5),
        "netcnnlip.18.weight": (512, 256, 1, 6, 6),
        "netfclip.1.running_mean": (512,),
    }.items():
        assert table[key] == shape


def test_a_file_of_this_shape_is_as_long_as_the_published_one(weights):
    assert abs(weights.stat().st_size - PUBLISHED_BYTES) < 5000


def test_embeddings_equal_the_published_networks(network):
    """Made with SyncNetModel.py of joonson/syncnet_python at 6efbb1c, `weights` and these inputs."""
    with torch.inference_mode():
        video = network.video(frames(6))
        audio = network.audio(torch.from_numpy(10 * wave(2 * 13 * 20)).float().reshape(2, 13, 20))
    assert video.shape == audio.shape == (2, 1024)
    assert video[:, :4].numpy() == pytest.approx(np.array(GOLDEN_VIDEO), abs=0.02)
    assert audio[:, :4].numpy() == pytest.approx(np.array(GOLDEN_AUDIO), abs=0.002)


GOLDEN_VIDEO = [[249.68446, -454.93542, -50.91243, 600.17517], [188.69373, -345.38196, 0.68672, 472.94205]]
GOLDEN_AUDIO = [[8.505509, 18.222986, 5.615134, -58.233902], [11.485590, 12.604012, 4.875996, -50.971390]]


def test_a_run_of_frames_gives_its_windows_one_by_one(network):
    run = frames(7)
    with torch.inference_mode():
        together = network.video(run)
        single = torch.cat([network.video(run[i : i + 5]) for i in range(3)])
    assert together.shape == (3, 1024)
    assert torch.allclose(together, single, rtol=1e-4, atol=0.02)


def test_cepstra_do_not_depend_on_the_batch(network):
    cepstra = torch.from_numpy(10 * wave(4 * 13 * 20)).float().reshape(4, 13, 20)
    with torch.inference_mode():
        single = torch.cat([network.audio(cepstra[i : i + 1]) for i in range(4)])
        assert torch.allclose(network.audio(cepstra), single, rtol=1e-4, atol=0.002)


def jpegs(levels: np.ndarray) -> list[bytes]:
    """A grey face for each level 0..255."""
    return [cv2.imencode(".jpg", np.full((112, 112, 3), level, np.uint8))[1].tobytes() for level in levels]


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(16000 * seconds)).astype(np.float32)


def test_scoring_is_the_same_every_time_and_in_every_batch_size(weights, monkeypatch):
    lse = build_metric(SyncSettings(backend="syncnet", weights=str(weights)))
    assert isinstance(lse, SyncnetLse)
    faces, wav = jpegs(np.arange(12) * 20), noise(0.5)
    sample = Sample("c", "t", hypothesis=wav, truth=wav, reference=wav, faces=faces)
    scores = lse.score(sample)
    assert [score.column for score in scores] == ["LSE-C", "LSE-D"]
    assert lse.backend == "syncnet_v2"
    assert lse.score(sample) == scores
    monkeypatch.setattr(lse_syncnet, "BATCH", 3)
    assert [s.value for s in lse.score(sample)] == pytest.approx([s.value for s in scores], rel=1e-4)


def test_a_shard_is_scored_from_its_face_crops(weights, tmp_path):
    audio = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16())), ("seconds", pa.float32())])
    crops = pa.schema([("clip", pa.string()), ("faces", pa.list_(pa.binary()))])
    wav, faces = noise(0.5), jpegs(np.arange(12) * 20)
    samples = [{"clip": name, "samples": (wav * 32768).astype(np.int16), "seconds": 1.0} for name in ("seen", "unseen")]
    for name in ("dubs", "audio"):
        write_rows(tmp_path / f"{name}.parquet", samples, audio)
    write_rows(tmp_path / "crops.parquet", [{"clip": "seen", "faces": faces}], crops)
    settings = SyncSettings(backend="syncnet", weights=str(weights))
    rows = [{"clip": name, "text": "a b", "reference": None} for name in ("seen", "unseen")]
    clips = shard_of(rows, tmp_path / "scores.parquet")
    heard = Heard("1.0", tmp_path / "dubs.parquet", tmp_path / "audio.parquet", (), tmp_path / "crops.parquet")
    score(clips.manifest, clips.shard, heard, (settings,), None, clips.artifact)
    rows = {(row["clip"], row["metric"]): row for row in read_rows(tmp_path / "scores.parquet")}
    assert {row["backend"] for row in rows.values()} == {"syncnet_v2"}
    truth = SyncnetLse(settings).measure(faces=faces, wav=(wav * 32768).astype(np.int16).astype(np.float32) / 32768)
    assert rows["seen", "LSE-D"]["value"] == pytest.approx(truth.distance)
    assert rows["seen", "LSE-C"]["value"] == pytest.approx(truth.confidence)
    assert rows["unseen", "LSE-C"]["reason"] == "no face crops"


def test_what_cannot_be_scored_has_a_reason(weights):
    lse = SyncnetLse(SyncSettings(backend="syncnet", weights=str(weights)))
    wav = noise(0.5)
    with pytest.raises(ClipError, match="no face crops"):
        lse.score(Sample("c", "t", hypothesis=wav, truth=wav, reference=wav))
    for faces, sound in ((5, 0.5), (12, 0.2)):
        with pytest.raises(ClipError, match="needs 6 frames"):
            lse.measure(faces=jpegs(np.zeros(faces)), wav=noise(sound))


def test_a_missing_or_foreign_file_names_the_command(weights, tmp_path):
    settings = SyncSettings(backend="syncnet", weights=str(tmp_path / "none.model"))
    with pytest.raises(MissingDataError, match=r"dubber fetch syncnet"):
        build_metric(settings)
    foreign = {**torch.load(weights, weights_only=True), "netfclip.3.weight": torch.zeros(512, 512)}
    del foreign["netcnnlip.0.bias"]
    torch.save(foreign, tmp_path / "none.model")
    with pytest.raises(DubberError, match=r"1 missing: netcnnlip.0.bias; 1 of the wrong shape: netfclip.3.weight"):
        build_metric(settings)


class Loudness:
    """In SyncNet's place: what it hears is loudness, what it sees is brightness, both as five numbers a window."""

    quiet: float

    def audio(self, cepstra: Tensor) -> Tensor:
        return cepstra[:, 0].unflatten(1, (5, 4)).mean(2) - self.quiet

    def video(self, run: Tensor) -> Tensor:
        return run.mean((1, 2, 3)).unfold(0, 5, 1) / 30


@pytest.mark.parametrize("lag", [-12, -6, 0, 4, 12])
def test_brightness_that_follows_loudness_is_found_at_its_lag(monkeypatch, lag):
    rng, count = np.random.default_rng(1), 90
    levels = rng.uniform(30, 240, count).round()
    sound = np.repeat(np.exp(levels / 60), 640) * rng.normal(0, 1e-3, 640 * count)
    network = Loudness()
    network.quiet = float(mfcc(32768 * rng.normal(0, 1e-3, 16000))[0].mean())
    monkeypatch.setattr(lse_syncnet, "load_syncnet", lambda path: network)
    found = SyncnetLse(SyncSettings(backend="syncnet")).measure(
        faces=jpegs(levels), wav=np.roll(sound, lag * 640).astype(np.float32)
    )
    assert found.offset == lag
    assert found.confidence > 2


def test_windows_of_sound_begin_with_their_video_frame():
    wav = noise(1.0)
    windows = cepstrum_windows(wav, 19)
    assert windows.shape == (19, 13, 20)
    whole = mfcc(wav * 32768.0)
    assert torch.equal(windows[3], torch.from_numpy(whole[:, 12:32]).float())


def test_the_last_possible_window_is_left_out_as_published(monkeypatch):
    seen = []

    class Counting(Loudness):
        quiet = 0.0

        def video(self, run):
            seen.append(len(run) - 4)
            return super().video(run)

    monkeypatch.setattr(lse_syncnet, "load_syncnet", lambda path: Counting())
    lse = SyncnetLse(SyncSettings(backend="syncnet"))
    lse.measure(faces=jpegs(np.zeros(50)), wav=noise(1.0))
    assert seen == [20]


def test_faces_are_scaled_and_keep_their_colour():
    blue = np.zeros((112, 112, 3), np.uint8)
    blue[..., 0] = 200
    read = read_faces([cv2.imencode(".png", blue)[1].tobytes()])
    assert read.shape == (1, 3, 224, 224)
    assert read[0].mean((1, 2)).tolist() == [200, 0, 0]
