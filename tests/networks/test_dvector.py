"""SECS by d-vectors: the calls of the published TorchScript files, their shapes, and the front end written afresh."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import SecsSettings
from dubber.networks.dvector import BANDS, SHAPES, Dvector, log_mel, without_silences
from tests.golden.recipes.sox_silence import STORED, sound
from tests.helpers.made_up_weights import made_up
from tests.metrics.test_secs import voice

PUBLISHED_BYTES = 5_714_361  # of dvector-step250000.pt


class Recurrent(nn.Module):
    """Has the published keys, shapes and method: mel [M, 40] -> [256] of length 1, or of `length`."""

    def __init__(self, length: float = 1.0, hidden: int = 256) -> None:
        super().__init__()
        self.length = length
        self.lstm = nn.LSTM(BANDS, hidden, 3, batch_first=True)
        self.embedding = nn.Linear(hidden, 256)
        self.linear = nn.Linear(256, 1)

    def forward(self, mel: Tensor) -> Tensor:
        states = torch.tanh(self.embedding(self.lstm(mel)[0]))
        pooled = (states * torch.softmax(self.linear(states), 1)).sum(1)
        return self.length * pooled / pooled.square().sum(1, keepdim=True).sqrt()

    @torch.jit.export
    def embed_utterance(self, mel: Tensor) -> Tensor:
        return self.forward(mel[None])[0]


class FrontEnd(nn.Module):
    """Called as the published front end is: sound [1, T] and its rate -> [M, bands]."""

    def __init__(self, bands: int = BANDS) -> None:
        super().__init__()
        self.bands = bands

    def forward(self, wav: Tensor, rate: int) -> Tensor:
        assert rate == 16000
        return wav[0].unfold(0, self.bands, 160).abs().clamp_min(1e-9).log()


def save(module: nn.Module, path: Path) -> Path:
    torch.jit.save(torch.jit.script(module), str(path))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    module = Recurrent()
    module.load_state_dict(made_up(SHAPES))
    return save(module, tmp_path_factory.mktemp("dvector") / "dvector-step250000.pt")


def test_the_shapes_are_those_of_the_published_file(weights):
    assert {key: tuple(value.shape) for key, value in Recurrent().state_dict().items()} == SHAPES
    assert abs(weights.stat().st_size - PUBLISHED_BYTES) < 20_000


@pytest.mark.parametrize("with_front_end", [True, False])
def test_a_voice_against_itself_and_another(weights, tmp_path, with_front_end):
    wav2mel = str(save(FrontEnd(), tmp_path / "wav2mel.pt")) if with_front_end else None
    secs = build_metric(SecsSettings(backend="dvector", weights=str(weights), wav2mel=wav2mel))
    assert secs.backend == ("dvector" if with_front_end else "dvector, front end written afresh")
    low, high = voice(100), voice(230)
    same, other = (secs.score(Sample("c", "t", hypothesis=h, truth=low, reference=low))[0] for h in (low, high))
    assert same.column == "SECS" and same.value == pytest.approx(100, abs=1e-3)
    assert other.value < 99.9
    assert secs.vector(low).shape == (256,)
    assert np.linalg.norm(secs.vector(low)) == pytest.approx(1, abs=1e-5)


def test_the_front_end_decides_what_the_network_hears(weights, tmp_path):
    wav = voice(120)
    found = Dvector(weights, save(FrontEnd(), tmp_path / "wav2mel.pt")).embed(wav)
    with torch.inference_mode():
        expected = torch.jit.load(str(weights)).embed_utterance(FrontEnd()(torch.from_numpy(wav)[None], 16000))
    np.testing.assert_array_equal(found, expected.numpy())


@pytest.mark.parametrize("wav", [np.zeros(16000, np.float32), np.zeros(0, np.float32), np.full(1599, 0.1, np.float32)])
def test_silence_and_short_clips_have_a_reason(weights, wav):
    secs = build_metric(SecsSettings(backend="dvector", weights=str(weights)))
    with pytest.raises(ClipError, match=r"no speech found in the output|the output is shorter than 0\.1 s"):
        secs.vector(wav)


def test_a_missing_file_names_the_command(tmp_path, weights):
    with pytest.raises(MissingDataError, match=r"(?s)d-vector is missing.*dubber fetch dvector"):
        build_metric(SecsSettings(backend="dvector", weights=str(tmp_path / "none.pt")))
    with pytest.raises(MissingDataError, match="front end is missing"):
        Dvector(weights, tmp_path / "wav2mel.pt")


class Silent(nn.Module):
    def forward(self, mel: Tensor) -> Tensor:
        return mel


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (Silent(), "has no method embed_utterance"),
        (Recurrent(hidden=128), r"of the wrong shape: lstm\.weight_ih_l0 \(512, 40\) instead of \(1024, 40\)"),
        (Recurrent(length=2.0), r"gives \[256\] of length 2, not \[256\] of length 1"),
    ],
)
def test_another_network_is_refused(tmp_path, module, why):
    with pytest.raises(DubberError, match=why):
        Dvector(save(module, tmp_path / "dvector.pt"))


def test_other_front_ends_are_refused(weights, tmp_path):
    with pytest.raises(DubberError, match=r"it gives \[\d+, 20\], not \[frames, 40\]"):
        Dvector(weights, save(FrontEnd(20), tmp_path / "wav2mel.pt"))


def test_what_is_no_torchscript_is_told(tmp_path):
    torch.save(made_up(SHAPES), tmp_path / "dvector.pt")
    (tmp_path / "noise.pt").write_bytes(b"no")
    for name in ("dvector.pt", "noise.pt"):
        with pytest.raises(DubberError, match="not the TorchScript file of the GE2E d-vector"):
            Dvector(tmp_path / name)


def test_the_published_front_end_without_its_operator_says_what_to_do(weights, tmp_path, monkeypatch):
    """The published file calls torchaudio's sox, as reported in yistLin/dvector#11 and #14."""
    path, load = save(FrontEnd(), tmp_path / "wav2mel.pt"), torch.jit.load

    def without_sox(file, **named):
        if file == str(path):
            raise RuntimeError("\nUnknown builtin op: torchaudio::sox_effects_apply_effects_tensor.\nCould not find")
        return load(file, **named)

    monkeypatch.setattr(torch.jit, "load", without_sox)
    with pytest.raises(DubberError, match=r"(?s)Unknown builtin op: torchaudio::sox.*Leave `wav2mel` out"):
        Dvector(weights, path)


def tone(seconds: float, level: float = 0.5, f0: float = 440.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * f0 * np.arange(round(16000 * seconds)) / 16000)).astype(np.float32)


def test_long_silences_go_and_short_ones_stay():
    pause = np.zeros(round(0.5 * 16000), np.float32)
    breath = np.zeros(round(0.05 * 16000), np.float32)
    speech = np.concatenate([pause, tone(0.5), breath, tone(0.5), pause, tone(0.03), pause, tone(0.4), pause])
    assert len(without_silences(speech)) == pytest.approx(16000 * 1.45, abs=16000 * 0.05)
    assert len(without_silences(tone(1.0))) == pytest.approx(16000, abs=20)
    assert len(without_silences(tone(1.0, level=0.005))) == 0


def test_the_silence_filter_keeps_the_very_samples_that_sox_keeps():
    """Recipe: tests/golden/recipes/sox_silence.py."""
    stored, wav = json.loads(STORED.read_text()), sound()
    assert stored["samples"] == len(wav)
    expected = np.concatenate([wav[start:stop] for start, stop in stored["kept"]])
    np.testing.assert_array_equal(without_silences(wav), expected)
    assert 5 < len(stored["kept"]) < 20 and 0.2 < len(expected) / len(wav) < 0.8, "a sound with much to decide"


def test_loudness_starts_from_zeros_after_a_pause():
    """0.1 s are counted from where 20 ms are loud on average, which a sudden tone reaches before they are full."""
    pause = np.zeros(8000, np.float32)
    found = without_silences(np.concatenate([pause, tone(0.5, 0.03), pause]))
    assert 8000 - 320 < len(found) < 8000 + 320


def test_a_tone_is_in_its_band_and_loudness_does_not_matter():
    quiet, loud = log_mel(tone(1.0, 0.05, 1000)), log_mel(tone(1.0, 0.9, 1000))
    assert quiet.shape == (100, BANDS) and quiet.dtype == np.float32
    np.testing.assert_allclose(quiet, loud, atol=1e-2)
    mels = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (50, 8000)), BANDS + 2)[1:-1]
    assert (quiet[2:-2].argmax(1) == np.abs(mels - 2595 * np.log10(1 + 1000 / 700)).argmin()).all()


def test_the_bands_are_their_definition():
    """One frame by the formulas: Hann window, power, triangles between points at equal steps of HTK's scale."""
    wav = np.random.default_rng(0).normal(0, 0.2, 16000).astype(np.float32)
    scaled = without_silences(wav * (10 ** (-3 / 20) / np.abs(wav).max()))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(scaled[10 * 160 - 200 : 10 * 160 + 200] * window)) ** 2
    points = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (50, 8000)), BANDS + 2) / 2595) - 1)
    hertz = np.arange(201) * 40.0
    bands = np.stack([np.interp(hertz, points[i : i + 3], [0, 1, 0]) for i in range(BANDS)])
    np.testing.assert_allclose(log_mel(wav)[10], np.log(np.maximum(bands @ power, 1e-9)), atol=1e-3)
