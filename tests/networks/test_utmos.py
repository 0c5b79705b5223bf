"""UTMOS22 strong: the published file's keys and shapes, the published network's numbers, and the metric around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import UtmosSettings
from dubber.metrics.utmos import Utmos
from dubber.networks.utmos import UtmosStrong
from tests.helpers.made_up_weights import digest, made_up, shapes

PUBLISHED_BYTES = 411_179_119  # of utmos22_strong_step7459_v1.pt


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Iterator[Path]:
    """A file of the published format, keys and shapes; too large to be left behind."""
    path = tmp_path_factory.mktemp("utmos") / "utmos22_strong_step7459_v1.pt"
    torch.save(made_up(shapes(UtmosStrong())), path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def utmos(weights) -> Utmos:
    metric = build_metric(UtmosSettings(weights=str(weights)))
    assert isinstance(metric, Utmos)
    return metric


def chirp(samples: int, rate: int = 16000) -> np.ndarray:
    t = np.arange(samples) / rate
    return (0.3 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) * np.sin(7 * t)).astype(np.float32)


def test_keys_and_shapes_are_the_published_ones():
    table = shapes(UtmosStrong())
    assert len(table) == 225
    assert digest(table) == "8f026ca5d1ffd42a28778b443059aeb45bb1f44777f8b54f4645738e61d7abe7"
    for key, shape in {
        "domain_emb": (1, 128),
        "judge_emb": (1, 128),
        "wav2vec2.mask_emb": (768,),
        "wav2vec2.feature_extractor.conv_layers.0.0.weight": (512, 1, 10),
        "wav2vec2.feature_extractor.conv_layers.0.2.bias": (512,),
        "wav2vec2.feature_extractor.conv_layers.6.0.weight": (512, 512, 2),
        "wav2vec2.post_extract_proj.weight": (768, 512),
        "wav2vec2.encoder.pos_conv.0.weight_g": (1, 1, 128),
        "wav2vec2.encoder.pos_conv.0.weight_v": (768, 48, 128),
        "wav2vec2.encoder.layers.11.self_attn.out_proj.weight": (768, 768),
        "wav2vec2.encoder.layers.0.fc1.weight": (3072, 768),
        "blstm.weight_ih_l0_reverse": (2048, 1024),
        "projection.2.weight": (1, 2048),
    }.items():
        assert table[key] == shape


def test_a_file_of_this_shape_is_as_long_as_the_published_one(weights):
    assert abs(weights.stat().st_size - PUBLISHED_BYTES) < 50_000


@pytest.mark.parametrize(
    ("samples", "opinion"),
    [(400, 3.211541), (12000, 3.095066), (16000, 2.949047), (16320, 3.002447), (20000, 2.988560)],
)
def test_opinions_equal_the_published_networks(utmos, samples, opinion):
    """Made with tarepan/SpeechMOS at ed25eac, `weights` and these chirps.

    16,000 samples are 49 frames and 16,320 are 50: the published code fills an odd number up and masks what it added.
    """
    assert utmos.opinion(chirp(samples)) == pytest.approx(opinion, abs=1e-4)


def test_clips_do_not_depend_on_their_batch_and_repeat_exactly(utmos):
    batch = torch.from_numpy(np.stack([chirp(12000), chirp(12000)[::-1], 0.1 * chirp(12000)]))
    with torch.inference_mode():
        together = utmos._network(batch)
        single = torch.cat([utmos._network(clip[None]) for clip in batch])
    assert together.shape == (3,)
    assert torch.allclose(together, single, atol=1e-4)
    assert len(set(together.tolist())) == 3
    assert utmos.opinion(chirp(12000)) == utmos.opinion(chirp(12000))


def test_the_column_and_its_backend(utmos):
    wav = chirp(8000)
    (score,) = utmos.score(Sample("c", "t", hypothesis=wav, truth=wav, reference=wav))
    assert (score.column, utmos.backend) == ("UTMOS", "utmos22_strong")
    assert score.value == utmos.opinion(wav)


def test_other_sample_rates_are_resampled(utmos):
    rate = 44100
    assert utmos.opinion(chirp(rate, rate), rate) == pytest.approx(utmos.opinion(chirp(16000)), abs=0.02)
    assert utmos.opinion(chirp(rate, rate)) != pytest.approx(utmos.opinion(chirp(16000)), abs=0.02)


def test_a_clip_of_one_frame_is_the_shortest(utmos):
    assert np.isfinite(utmos.opinion(chirp(400)))
    for samples in (0, 399):
        with pytest.raises(ClipError, match=f"{samples} samples are fewer than the 400"):
            utmos.opinion(chirp(samples))


def test_a_missing_or_foreign_file_names_the_command(tmp_path):
    settings = UtmosSettings(weights=str(tmp_path / "none.pt"))
    with pytest.raises(MissingDataError, match="The weights of UTMOS22 strong are missing") as told:
        build_metric(settings)
    assert "dubber fetch utmos" in str(told.value)
    torch.save({"domain_emb": torch.zeros(1, 64), "phoneme_emb": torch.zeros(3)}, tmp_path / "none.pt")
    with pytest.raises(DubberError, match=r"224 missing: .* and 204 more; 1 unexpected: phoneme_emb; 1 of the wrong"):
        build_metric(settings)
