"""AVSync: AV-HuBERT Large with the published file's keys, shapes and training state, and the published numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from dubber.artifacts import read_rows, write_rows
from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics import av_sync_hubert
from dubber.metrics.av_sync import mean_cosine
from dubber.metrics.av_sync_hubert import AvHubertSync, read_bands, read_lips
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import AvSyncSettings
from dubber.networks.av_hubert import AVHubert, load_av_hubert
from dubber.steps.score import Heard, score
from tests.helpers.made_up_weights import digest, made_up, shapes
from tests.helpers.shards import shard_of

BLOCKS = 2  # of the published 24, so that the file is small
DICTIONARY = "fairseq.data.dictionary"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Iterator[Path]:
    """A file of the published format with 2 blocks: training-only weights, and training state of a foreign class."""
    path = tmp_path_factory.mktemp("avhubert") / "large_vox_iter5.pt"
    unused = {"mask_emb": torch.zeros(104), "label_embs_concat": torch.zeros(2004, 256)}
    unused |= {"final_proj.weight": torch.zeros(256, 1024), "final_proj.bias": torch.zeros(256)}
    save_with_dictionary(path, {"args": None, "cfg": {"task": {"normalize": True}}, "model": {**lively(), **unused}})
    yield path
    path.unlink()


def lively() -> dict[str, Tensor]:
    """Made-up weights under which sound counts about as much as lips, and negative values are cut to a quarter."""
    model = made_up(shapes(AVHubert(BLOCKS)))
    for key in model:
        if "relu" in key or key.endswith("frontend3D.2.weight"):
            model[key] -= 0.75
    model["feature_extractor_video.proj.weight"] *= 0.1
    return model


def save_with_dictionary(path: Path, state: dict) -> None:
    """As fairseq saves: with a pickled `Dictionary` of the labels, whose class is not importable afterwards."""

    class Dictionary:
        def __init__(self) -> None:
            self.symbols, self.count, self.indices = ["<s>", "0"], [1, 7], {"<s>": 0, "0": 1}

    Dictionary.__module__, Dictionary.__qualname__ = DICTIONARY, "Dictionary"
    module = ModuleType(DICTIONARY)
    module.Dictionary = Dictionary
    with pytest.MonkeyPatch.context() as patch:
        for package in ("fairseq", "fairseq.data"):
            patch.setitem(sys.modules, package, ModuleType(package))
        patch.setitem(sys.modules, DICTIONARY, module)
        torch.save({**state, "task_state": {"dictionaries": [Dictionary()]}}, path)


@pytest.fixture(scope="module")
def sync(weights) -> AvHubertSync:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(av_sync_hubert, "load_av_hubert", partial(load_av_hubert, blocks=BLOCKS))
        metric = build_metric(AvSyncSettings(backend="avhubert", weights=str(weights)))
    assert isinstance(metric, AvHubertSync)
    return metric


def chirp(samples: int) -> np.ndarray:
    """Speech-like in level, in whole steps of 16 bits."""
    t = np.arange(samples) / 16000
    wave = np.sin(2 * np.pi * (200 * t + 300 * t**2)) * np.sin(7 * t) + 0.2 * np.sin(9000 * t)
    return (np.round(9000 * wave) / 32768).astype(np.float32)


def mouth(frames: int, size: int = 96) -> list[bytes]:
    """An ellipse that opens and closes on a slope of grey."""
    images = []
    for n in range(frames):
        image = np.tile(np.linspace(90, 170, 96), (96, 1)).astype(np.uint8)
        cv2.ellipse(image, (48, 50), (26, int(8 + 6 * np.sin(0.9 * n))), 0, 0, 360, 40, -1)
        images.append(cv2.imencode(".png", cv2.resize(image, (size, size)))[1].tobytes())
    return images


def clip(hypothesis: np.ndarray, frames: int = 10) -> Sample:
    truth = chirp(640 * frames)
    return Sample("c", "t", hypothesis=hypothesis, truth=truth, reference=truth[:10], lips=mouth(frames))


def value(sync: AvHubertSync, sample: Sample) -> float:
    (score,) = sync.score(sample)
    assert score.column == "AVSync"
    return score.value


def test_keys_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        table = shapes(AVHubert())
    assert len(table) == 514
    assert digest(table) == "dc779abef8749cfd408608e497347e9fe9b86804a83fc4cf087b7a339a405d42"
    pictures = "feature_extractor_video.resnet"
    for key, shape in {
        "feature_extractor_audio.proj.weight": (1024, 104),
        "feature_extractor_video.proj.weight": (1024, 512),
        f"{pictures}.frontend3D.0.weight": (64, 1, 5, 7, 7),
        f"{pictures}.frontend3D.2.weight": (64,),
        f"{pictures}.trunk.layer2.0.downsample.0.weight": (128, 64, 1, 1),
        f"{pictures}.trunk.layer4.1.relu2.weight": (512,),
        "layer_norm.weight": (2048,),
        "post_extract_proj.weight": (1024, 2048),
        "encoder.pos_conv.0.weight_g": (1, 1, 128),
        "encoder.pos_conv.0.weight_v": (1024, 64, 128),
        "encoder.layers.23.self_attn.out_proj.weight": (1024, 1024),
        "encoder.layers.23.fc1.weight": (4096, 1024),
        "encoder.layer_norm.bias": (1024,),
    }.items():
        assert table[key] == shape


def test_weights_labels_and_two_moments_are_as_large_as_the_published_file():
    with torch.device("meta"):
        numbers = sum(parameter.numel() for parameter in AVHubert().parameters())
    labels = 104 + 2004 * 256 + 256 * 1024 + 256
    assert 12 * (numbers + labels) == pytest.approx(3.91e9, rel=2e-3)


@pytest.mark.parametrize(
    ("frames", "samples", "numbers"),
    [
        (1, 100, [0.75977, 0.92021, -0.29144, -0.65988, -1.91367]),
        (10, 5000, [1.50114, 0.87886, -0.19527, -0.76444, -0.93919]),
        (10, 6400, [1.02261, 1.02563, -0.1295, -0.51371, -0.85584]),
        (37, 30000, [0.95411, 0.64639, -0.01437, -0.68116, -0.21514]),
    ],
)
def test_vectors_equal_the_published_networks(sync, frames, samples, numbers):
    """The last frame's. Made with facebookresearch/av_hubert at 258fb50 and its fairseq (afc77bd) at the large model's
    sizes, read as kaistmm/AlignDiT's extract_avhubert.py does, `weights`, this mouth and this chirp."""
    with torch.inference_mode():
        seen = sync._network.see(read_lips(mouth(frames)).unsqueeze(0))
        found = sync._network(seen, sync._network.hear(read_bands(chirp(samples), frames).unsqueeze(0)))[0]
    assert found.shape == (frames, 1024)
    assert found[-1, :5].numpy() == pytest.approx(np.array(numbers), abs=1e-4)


def test_the_score_is_the_published_one(sync):
    """0.967534 is from the published network too."""
    assert value(sync, clip(chirp(5000))) == pytest.approx(0.967534, abs=2e-6)


def test_the_clips_own_recording_scores_exactly_one(sync):
    assert sync.backend == "avhubert:large_vox_iter5"
    assert value(sync, clip(chirp(6400))) == 1
    longer = replace(clip(chirp(9000)), truth=np.concatenate([chirp(6800), chirp(900)]))
    assert value(sync, longer) == 1  # what comes after the video is cut off


def test_worse_sound_scores_less(sync):
    own = chirp(6400)
    noise = np.random.default_rng(0).normal(0, 1, 6400).astype(np.float32)
    late = [np.roll(own, 640 * frames) for frames in (1, 5)]
    values = [value(sync, clip(dub)) for dub in (own, own + 1e-4 * noise, *late, own + noise)]
    assert values == sorted(values, reverse=True)
    assert 0.999 > values[2] > values[4] + 0.1
    assert value(sync, clip(own[:3200])) < values[3]  # zeros after the end


def test_a_clip_does_not_depend_on_others(sync):
    sample = clip(chirp(6400)[::-1].copy())
    before = sync.score(sample)
    sync.score(clip(chirp(9600), frames=15))
    assert sync.score(sample) == before


def test_clips_do_not_depend_on_their_batch(sync):
    lips = torch.stack([read_lips(mouth(6)), read_lips(mouth(6)[::-1])])
    bands = torch.stack([read_bands(chirp(3840), 6), read_bands(chirp(3840)[::-1], 6)])
    network = sync._network
    with torch.inference_mode():
        together = network(network.see(lips), network.hear(bands))
        single = [network(network.see(lips[i : i + 1]), network.hear(bands[i : i + 1])) for i in range(2)]
    assert together.shape == (2, 6, 1024)
    assert torch.allclose(together, torch.cat(single), atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_lips_are_the_middle_of_the_crop():
    image = np.full((96, 96), 255, np.uint8)
    image[4:92, 4:92] = np.arange(88)
    (found,) = read_lips([cv2.imencode(".png", image)[1].tobytes()]).numpy()
    assert found == pytest.approx(np.tile((np.arange(88) / 255 - 0.421) / 0.165, (88, 1)), abs=1e-6)
    assert read_lips(mouth(3, size=128)).shape == (3, 88, 88)


def test_bands_are_four_stacked_frames_of_zero_mean_and_unit_spread():
    bands = read_bands(chirp(6400), 10).numpy()
    assert (bands.shape, bands.dtype) == ((10, 104), np.float32)
    assert bands.mean(1) == pytest.approx(np.zeros(10), abs=1e-5)
    assert bands.std(1) == pytest.approx(np.ones(10), abs=1e-4)
    assert np.array_equal(read_bands(chirp(6400), 4), bands[:4])
    assert not read_bands(chirp(3200), 10)[5:].any()


def test_bands_equal_those_of_the_package():
    """Made with python_speech_features 0.6 (`logfbank`) and torch's layer_norm."""
    bands = read_bands(chirp(6400), 10).numpy()
    assert bands[0, :5] == pytest.approx(np.array([-1.77632, -0.27632, 0.74688, -0.05157, -0.35567]), abs=2e-5)
    assert bands[5, -5:] == pytest.approx(np.array([-1.50085, -1.53611, -1.5547, -1.56662, -1.55446]), abs=2e-5)
    assert read_bands(chirp(5000), 10)[7, -6:].numpy() == pytest.approx(np.full(6, -0.95477), abs=2e-5)  # filled up


def test_clips_that_cannot_be_judged_have_a_reason(sync):
    sample = clip(chirp(6400))
    for lips in (None, []):
        with pytest.raises(ClipError, match="no lip crops"):
            sync.score(replace(sample, lips=lips))
    with pytest.raises(ClipError, match="the output has no sample"):
        sync.score(replace(sample, hypothesis=np.zeros(0, np.float32)))
    with pytest.raises(ClipError, match="the recording has no sample"):
        sync.score(replace(sample, truth=np.zeros(0, np.float32)))


def test_a_shard_is_scored_and_failed_outputs_fail(sync, tmp_path, monkeypatch):
    monkeypatch.setattr("dubber.steps.score.build_metric", lambda settings, **_: sync)
    audio = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16())), ("seconds", pa.float32())])
    crops = pa.schema([("clip", pa.string()), ("lips", pa.list_(pa.binary()))])
    own = (chirp(5000) * 32768).astype(np.int16)
    dubs = {"same": own, "silent": np.zeros(5000, np.int16), "unseen": own}
    names = [*dubs, "missing"]
    for name, clips in (("dubs", dubs), ("audio", dict.fromkeys(names, own))):
        rows = [{"clip": clip, "samples": samples, "seconds": 1.0} for clip, samples in clips.items()]
        write_rows(tmp_path / f"{name}.parquet", rows, audio)
    seen = [{"clip": name, "lips": mouth(8)} for name in names if name != "unseen"]
    write_rows(tmp_path / "crops.parquet", seen, crops)
    rows = [{"clip": name, "text": "a b", "reference": None} for name in names]
    clips = shard_of(rows, tmp_path / "scores.parquet")
    heard = Heard("1.0", tmp_path / "dubs.parquet", tmp_path / "audio.parquet", (), tmp_path / "crops.parquet")
    score(clips.manifest, clips.shard, heard, (AvSyncSettings(backend="avhubert"),), None, clips.artifact)
    rows = {row["clip"]: row for row in read_rows(tmp_path / "scores.parquet")}
    assert {(row["metric"], row["backend"]) for row in rows.values()} == {("AVSync", sync.backend)}
    assert (rows["same"]["value"], rows["same"]["reason"]) == (1, None)
    for clip_name, reason in {"silent": "empty output", "missing": "no output", "unseen": "no lip crops"}.items():
        assert rows[clip_name]["value"] is None
        assert reason in rows[clip_name]["reason"]


def test_the_score_is_the_mean_of_the_frames_cosines():
    frames = torch.tensor([[1.0, 0.0], [2.0, 2.0]])
    assert mean_cosine(reference=frames, hypothesis=3 * frames) == pytest.approx(1)
    assert mean_cosine(reference=frames, hypothesis=torch.tensor([[0.0, 5.0], [1.0, 0.0]])) == pytest.approx(
        0.5**0.5 / 2
    )
    uneven = torch.randn(40, 1024, generator=torch.Generator().manual_seed(0))
    assert mean_cosine(reference=uneven, hypothesis=uneven.clone()) == 1


def test_a_missing_or_foreign_file_names_the_command(tmp_path):
    settings = AvSyncSettings(backend="avhubert", weights=str(tmp_path / "large_vox_iter5.pt"))
    with torch.device("meta"), pytest.raises(MissingDataError, match=r"dubber fetch avhubert"):
        build_metric(settings)
    for content, message in (
        ({"state_dict": {}}, "not a dictionary of tensors"),
        ({"model": {"layer_norm.weight": torch.zeros(9), "mask_emb": torch.zeros(1)}}, "513 missing: .*; 1 of the"),
        ({"model": {}, "task_state": Path("foreign")}, "damaged, or hold more than tensors"),
    ):
        torch.save(content, settings.weights)
        with torch.device("meta"), pytest.raises(DubberError, match=message):
            build_metric(settings)


def test_a_key_too_many_is_not_training_state(weights, tmp_path):
    state = {**shapes(AVHubert(0)), "label_embs": (1,)}
    torch.save({"model": {key: torch.zeros(shape) for key, shape in state.items()}}, tmp_path / "weights.pt")
    with pytest.raises(DubberError, match="1 unexpected: label_embs"):
        load_av_hubert(tmp_path / "weights.pt", blocks=0)
