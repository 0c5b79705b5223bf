"""Emo-SIM: emotion2vec+ large with the published file's keys, shapes and training state, and the published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics.base import Sample
from dubber.metrics.emotion import EmotionSimilarity
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import EmotionSettings
from dubber.metrics.similarity import cosine
from dubber.networks.emotion2vec import Emotion2vec
from tests.helpers.made_up_weights import digest, made_up, shapes

PUBLISHED_BYTES = 1_945_790_254  # of model.pt: the weights and two moments of their optimiser


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Iterator[Path]:
    """A file of the published format, keys and shapes, with a little training state; too large to be left behind."""
    path = tmp_path_factory.mktemp("emotion2vec") / "model.pt"
    state = {"args": None, "cfg": {"model": {"embed_dim": 1024}}, "last_optimizer_state": {"exp_avg": torch.zeros(9)}}
    torch.save({**state, "model": made_up(shapes(Emotion2vec()))}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def emotion(weights) -> EmotionSimilarity:
    metric = build_metric(EmotionSettings(weights=str(weights)))
    assert isinstance(metric, EmotionSimilarity)
    return metric


def chirp(samples: int) -> np.ndarray:
    t = np.arange(samples) / 16000
    return (0.3 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) * np.sin(7 * t)).astype(np.float32)


def judged(hypothesis: np.ndarray, truth: np.ndarray) -> Sample:
    return Sample("c", "t", hypothesis=hypothesis, truth=truth, reference=truth[:10])


def test_keys_and_shapes_are_the_published_ones():
    table = shapes(Emotion2vec())
    assert len(table) == 185
    assert digest(table) == "e0d117d0d98b76f4643750184864d8664a2da232fd3258f9bb5f186536625f15"
    audio = "d2v_model.modality_encoders.AUDIO"
    for key, shape in {
        "d2v_model.blocks.7.attn.qkv.weight": (3072, 1024),
        f"{audio}.alibi_scale": (1, 1, 16, 1, 1),
        f"{audio}.extra_tokens": (1, 10, 1024),
        f"{audio}.context_encoder.blocks.3.mlp.fc1.weight": (4096, 1024),
        f"{audio}.context_encoder.norm.weight": (1024,),
        f"{audio}.local_encoder.conv_layers.6.0.weight": (512, 512, 2),
        f"{audio}.local_encoder.conv_layers.0.2.1.bias": (512,),
        f"{audio}.project_features.2.weight": (1024, 512),
        f"{audio}.relative_positional_encoder.5.0.weight": (1024, 64, 19),
        "proj.weight": (9, 1024),
    }.items():
        assert table[key] == shape


def test_the_weights_are_a_third_of_the_published_file():
    numbers = sum(tensor.numel() for tensor in Emotion2vec().state_dict().values())
    assert PUBLISHED_BYTES / (4 * numbers) == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize(
    ("samples", "numbers"),
    [
        (400, [-1.32945, -0.00443, -1.34353, 2.65555, 0.19439]),
        (12000, [-1.1215, 0.47109, -1.44473, 2.1039, 0.7978]),
        (20001, [-0.97695, 0.39052, -1.66255, 1.98593, 0.64249]),
    ],
)
def test_vectors_equal_the_published_networks(emotion, samples, numbers):
    """Made with modelscope/FunASR at 3c58cb5 (models/emotion2vec, its template's options at the large model's sizes),
    `weights` and these chirps."""
    vector = emotion.vector(chirp(samples))
    assert vector.shape == (1024,)
    assert vector[:5] == pytest.approx(np.array(numbers), abs=1e-4)


def test_the_score_is_the_cosine_with_the_clips_own_recording(emotion):
    """0.973802 is from the published network too."""
    (score,) = emotion.score(judged(chirp(12000), chirp(20001)))
    assert (score.column, emotion.backend) == ("Emo-SIM", "emotion2vec_plus_large")
    assert score.value == pytest.approx(0.973802, abs=1e-5)
    assert emotion.score(judged(chirp(12000), chirp(20001))) == [score]
    assert emotion.score(judged(chirp(12000), chirp(12000)))[0].value == pytest.approx(1)


def test_loudness_and_offset_do_not_count(emotion):
    wav = chirp(12000)
    assert emotion.score(judged(0.5 * wav + 0.1, wav))[0].value == pytest.approx(1, abs=1e-4)


def test_clips_do_not_depend_on_their_batch(emotion):
    batch = torch.from_numpy(np.stack([chirp(8000), chirp(8000)[::-1]]))
    with torch.inference_mode():
        together = emotion._network(batch)
        single = torch.cat([emotion._network(clip[None]) for clip in batch])
    assert together.shape == (2, 24, 1024)
    assert torch.allclose(together, single, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_clips_without_a_frame_have_a_reason(emotion):
    with pytest.raises(ClipError, match="399 samples of the output"):
        emotion.score(judged(chirp(399), chirp(8000)))
    with pytest.raises(ClipError, match="10 samples of the recording"):
        emotion.score(judged(chirp(8000), chirp(10)))


def test_similarity_is_a_cosine():
    assert cosine(reference=np.array([1.0, 0.0]), hypothesis=np.array([3.0, 3.0])) == pytest.approx(0.5**0.5)
    assert cosine(reference=np.array([1.0, 2.0]), hypothesis=np.array([-2.0, -4.0])) == pytest.approx(-1)


def test_a_missing_or_foreign_file_names_the_command(tmp_path):
    settings = EmotionSettings(weights=str(tmp_path / "model.pt"))
    with pytest.raises(MissingDataError, match=r"dubber fetch emotion2vec"):
        build_metric(settings)
    for content in ({"state_dict": {}}, {"proj.weight": torch.zeros(9, 1024)}):
        torch.save(content, tmp_path / "model.pt")
        with pytest.raises(DubberError, match="not a dictionary of tensors"):
            build_metric(settings)
    torch.save({"model": {"proj.weight": torch.zeros(9, 768)}}, tmp_path / "model.pt")
    with pytest.raises(DubberError, match=r"184 missing: .*; 1 of the wrong shape: proj\.weight \(9, 768\)"):
        build_metric(settings)
