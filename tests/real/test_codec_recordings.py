"""The embedded codec on real speech; docs/notebook/codec_world.md has the figures of a full fit."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import pytest

from dubber.codec.settings import WorldSettings
from dubber.codec.world.analysis import AnalysedClip, synthesise
from dubber.codec.world.cepstrum import distortion
from dubber.codec.world.codec import World, analyse_clip
from dubber.codec.world.fit import fit_analysed
from dubber.corpus.split import rank
from dubber.media.audio import fit, read_audio
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.similarity import cosine
from dubber.metrics.wer import word_errors

pytestmark = pytest.mark.real
SAMPLES = 48_000  # of a GRID clip's three seconds
SETTINGS = WorldSettings(codes=256, iterations=10)
TRAIN, TEST = 30, 6


@dataclass(frozen=True)
class Clip:
    text: str
    wav: np.ndarray
    analysed: AnalysedClip


@pytest.fixture(scope="module")
def clips(shared_data) -> dict[str, list[Clip]]:
    """Training and test clips of one speaker."""
    folder = shared_data / "grid-mini"
    with (folder / "clips.csv").open() as file:
        rows = sorted((r for r in csv.DictReader(file) if r["speaker"] == "s1"), key=lambda r: rank(r["clip"], 0))

    def read(row: dict[str, str]) -> Clip:
        wav = fit(read_audio(folder / row["video"]).samples, SAMPLES)
        return Clip(row["text"], wav, analyse_clip(wav, SETTINGS.analysis))

    chosen = {split: [row for row in rows if row["split"] == split] for split in ("train", "test")}
    return {"train": [read(r) for r in chosen["train"][:TRAIN]], "test": [read(r) for r in chosen["test"][:TEST]]}


@pytest.fixture(scope="module")
def codec(clips) -> World:
    return fit_analysed([clip.analysed for clip in clips["train"]], SETTINGS)


def speak(codec: World, clip: Clip) -> np.ndarray:
    tokens = codec.quantise(clip.analysed)
    return codec.decode(tokens.ids, tokens.speaker)


def test_the_voice_stays_the_same(codec, clips):
    """A quarter of the codes and an eighth of the clips of the full fit."""
    secs = Secs()
    voices = {
        name: np.mean(
            [cosine(reference=secs.vector(c.wav), hypothesis=secs.vector(sound(c)), scale=100) for c in clips["test"]]
        )
        for name, sound in (("world", lambda c: synthesise(c.analysed.analysis)), ("codec", lambda c: speak(codec, c)))
    }
    assert voices["world"] > 87
    assert voices["codec"] > voices["world"] - 5


def test_the_spectrum_stays_near(codec, clips):
    errors = []
    for clip in clips["test"]:
        tokens = codec.quantise(clip.analysed)
        analysis = clip.analysed.analysis
        heard = codec.dequantise(tokens.ids, tokens.speaker)
        speech = analysis.active(SETTINGS.analysis.active_range)
        errors.append(distortion(analysis.cepstrum, heard.cepstrum)[speech].mean())
        assert (heard.voiced == analysis.voiced).all()
    assert np.mean(errors) < 2.6


def test_the_words_stay_the_same(codec, clips):
    recogniser, errors = PocketsphinxRecogniser("grid"), {"recording": 0, "codec": 0}
    for clip in clips["test"]:
        for name, wav in (("recording", clip.wav), ("codec", speak(codec, clip))):
            errors[name] += word_errors(reference=clip.text, hypothesis=recogniser.transcribe(wav)).errors
    assert errors["codec"] <= errors["recording"] + 2
