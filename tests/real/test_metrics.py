"""The metrics on GRID's own recordings: what the real voice scores, and that worse audio scores worse."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from dubber.metrics.base import Sample
from dubber.metrics.naturalness import Dnsmos
from dubber.metrics.pitch import Pitch
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.settings import PitchSettings
from dubber.metrics.similarity import cosine
from dubber.metrics.wer import Wer, word_errors

pytestmark = pytest.mark.real
PER_SPEAKER = 3


@dataclass(frozen=True)
class Clip:
    name: str
    speaker: str
    text: str
    wav: np.ndarray


def decode(path: Path) -> np.ndarray:
    with av.open(path) as container:
        resampler = av.AudioResampler("s16", "mono", 16000)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32) / 32768


@pytest.fixture(scope="module")
def clips(shared_data) -> list[Clip]:
    """Three clips of each of eight speakers, spread over the sentences."""
    folder = shared_data / "grid-mini"
    rows: dict[str, list[dict[str, str]]] = {}
    with (folder / "clips.csv").open() as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["speaker"], []).append(row)
    spread = [own[i * len(own) // PER_SPEAKER] for own in list(rows.values())[:8] for i in range(PER_SPEAKER)]
    return [Clip(row["clip"], row["speaker"], row["text"], decode(folder / row["video"])) for row in spread]


def judged_alone(clip: Clip, hypothesis: np.ndarray) -> Sample:
    return Sample(clip.name, clip.text, hypothesis=hypothesis, truth=clip.wav, reference=clip.wav)


def test_grammar_recogniser_understands_real_speech(clips):
    scores = [Wer(PocketsphinxRecogniser("grid")).score(judged_alone(clip, clip.wav))[0] for clip in clips]
    rate = sum(s.value * s.weight for s in scores) / sum(s.weight for s in scores)
    assert len(clips) == 24
    assert rate < 20


def test_a_result_does_not_depend_on_the_clips_before_it(clips):
    forward, backward = PocketsphinxRecogniser("grid"), PocketsphinxRecogniser("grid")
    heard = [forward.transcribe(clip.wav) for clip in clips]
    assert [backward.transcribe(clip.wav) for clip in reversed(clips)][::-1] == heard


def test_the_grammar_does_not_excuse_the_wrong_sentence(clips):
    recogniser = PocketsphinxRecogniser("grid")
    wrong = [
        word_errors(reference=other.text, hypothesis=recogniser.transcribe(clip.wav)).rate
        for clip, other in zip(clips, clips[1:] + clips[:1], strict=True)
    ]
    assert np.mean(wrong) > 50


def test_same_speaker_is_nearer_than_another(clips):
    secs = Secs()
    vectors = [secs.vector(clip.wav) for clip in clips]
    same, other = [], []
    for i, a in enumerate(clips):
        for j, b in enumerate(clips[:i]):
            value = cosine(reference=vectors[j], hypothesis=vectors[i], scale=100)
            (same if a.speaker == b.speaker else other).append(value)
    assert min(cosine(reference=v, hypothesis=v, scale=100) for v in vectors) == pytest.approx(100, abs=1e-4)
    assert np.mean(same) > np.mean(other) + 10


def test_noise_lowers_naturalness(clips):
    dnsmos = Dnsmos()
    rng = np.random.default_rng(0)
    clean = [dnsmos.overall(clip.wav) for clip in clips[::6]]
    noisy = [
        dnsmos.overall(np.clip(clip.wav + rng.normal(0, clip.wav.std(), len(clip.wav)), -1, 1)) for clip in clips[::6]
    ]
    assert np.mean(clean) > np.mean(noisy) + 0.5


def test_own_recording_has_no_pitch_error_and_a_stretched_copy_has(clips):
    metric = Pitch(PitchSettings())
    for clip in clips[:4]:
        stretched = np.interp(np.arange(0, len(clip.wav), 0.8), np.arange(len(clip.wav)), clip.wav).astype(np.float32)
        own = {s.column: s.value for s in metric.score(judged_alone(clip, clip.wav))}
        worse = {s.column: s.value for s in metric.score(judged_alone(clip, stretched))}
        assert own == {"GPE": 0, "VDE": 0, "FFE": 0}
        assert worse["FFE"] > 0.2
