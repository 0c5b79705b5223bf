"""One voice from any file with speech in it, wherever the speech is, and what was heard is said."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soxr

from dubber.codec.base import Codec
from dubber.codec.world.codec import World
from dubber.dub.reference_voice import LONGEST, find_speech, speaker_of
from dubber.errors import ClipError, DubberError
from dubber.media.audio import read_audio, write_wav
from dubber.units import SAMPLE_RATE
from tests.conftest import ROOT
from tests.helpers.media_files import Kind, write_film, write_sound
from tests.helpers.tiny_project import SPEAKERS, speak

SAME = 0.999  # cosine of two vectors of one voice


@pytest.fixture(scope="module")
def codec() -> Codec:
    return World.load(ROOT / "models" / "grid_mini" / "codec" / "codec.safetensors")


@pytest.fixture(scope="module")
def voices() -> list[np.ndarray]:
    texts = ("set white by k seven please", "bin blue at f two now")
    return [speak(texts[i % 2], speaker, SAMPLE_RATE).samples for i, speaker in enumerate(SPEAKERS[:4])]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def stored(path: Path, wav: np.ndarray, rate: int = SAMPLE_RATE) -> Path:
    write_wav(path, soxr.resample(wav, SAMPLE_RATE, rate) if rate != SAMPLE_RATE else wav, rate)
    return path


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.float32)


def chords(seconds: float) -> np.ndarray:
    """Three steady tones that change every quarter of a second."""
    steps = np.repeat([0, 3, 5, 7, 10, 5], SAMPLE_RATE // 4)
    steps = np.resize(steps, round(seconds * SAMPLE_RATE))
    return sum(
        0.1 * np.sin(np.cumsum(2 * np.pi * hertz * 2 ** (steps / 12) / SAMPLE_RATE)) for hertz in (220, 277, 330)
    )


def test_the_voice_is_the_one_that_the_workflow_trains_on(codec, voices, tmp_path):
    for i, rate in enumerate((16_000, 22_050, 44_100, 48_000)):
        path = stored(tmp_path / f"{rate}.wav", voices[i], rate)
        assert cosine(speaker_of(path, codec), codec.encode(read_audio(path).samples).speaker) > SAME


@pytest.mark.parametrize("rate", [22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_the_sampling_rate_does_not_change_the_voice(codec, voices, tmp_path, rate):
    for i, wav in enumerate(voices):
        plain = speaker_of(stored(tmp_path / f"{i}.wav", wav), codec)
        assert cosine(speaker_of(stored(tmp_path / f"{i} {rate}.wav", wav, rate), codec), plain) > SAME


@pytest.mark.parametrize(("name", "codec_name", "least"), [
    ("a.flac", "flac", SAME), ("a.mka", "pcm_s24le", SAME), ("a.m4a", "alac", SAME),
    ("a.m4a", "aac", 0.95), ("a.mp3", "libmp3lame", 0.98), ("a.webm", "libopus", 0.95),
])  # fmt: skip
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_the_container_does_not_change_the_voice(codec, voices, tmp_path, name, codec_name, layout, least):
    wav = voices[0]
    plain = speaker_of(stored(tmp_path / "plain.wav", wav), codec)
    sound = soxr.resample(wav, SAMPLE_RATE, 48_000)
    path = write_sound(
        tmp_path / name, np.stack([sound] * (2 if layout == "stereo" else 1)), 48_000, layout, codec_name
    )
    assert cosine(speaker_of(path, codec), plain) > least


def test_one_of_two_channels_is_enough_and_channels_that_cancel_are_not_mixed(codec, voices, tmp_path, caplog):
    plain = speaker_of(stored(tmp_path / "plain.wav", voices[0]), codec)
    for name, other in (("silent", 0 * voices[0]), ("negative", -voices[0])):
        path = write_sound(tmp_path / f"{name}.flac", np.stack([voices[0], other]), SAMPLE_RATE, "stereo", "flac")
        with caplog.at_level(logging.INFO):
            assert cosine(speaker_of(path, codec), plain) > SAME
        assert "of 2 channels only number 1 is heard" in caplog.text


def test_speech_is_found_wherever_it_is(codec, voices, tmp_path, caplog):
    wav = voices[0]
    plain = speaker_of(stored(tmp_path / "plain.wav", wav), codec)
    late = stored(tmp_path / "late.wav", np.concatenate([np.zeros(20 * SAMPLE_RATE, np.float32), wav]))
    with caplog.at_level(logging.INFO):
        assert cosine(speaker_of(late, codec), plain) > 0.98
    assert "from 19.1 s to 22.1 s of the 22.1 s of late.wav" in caplog.text
    after_noise = np.concatenate([noise(10, 0.02), wav, noise(10, 0.02)])
    speech = find_speech(after_noise)
    assert 9.0 < speech.start < 10.4 and 11.7 < speech.end < 13.2
    assert speech.seconds == pytest.approx(2.0, abs=0.3)


def test_of_long_speech_the_densest_stretch_is_taken(voices):
    pause, phrase = np.zeros(round(1.6 * SAMPLE_RATE), np.float32), voices[0]
    sparse, dense = [part for _ in range(6) for part in (phrase, pause)], [phrase] * 10
    speech = find_speech(np.concatenate([*sparse, *dense]))
    assert len(speech.samples) == pytest.approx(LONGEST * SAMPLE_RATE, abs=600)
    assert speech.start > 18 and speech.seconds > 12


@pytest.mark.parametrize(("wav", "reason"), [
    (np.zeros(24 * SAMPLE_RATE), r"it is silent: in 24\.0 s its loudest 50 ms have -200 dBFS"),
    (noise(10), r"no speech is heard in its 10\.0 s; the rest sounds like noise"),
    (np.cumsum(noise(10, 1e-3)) * 0.1, "sounds like noise"),
    (chords(10), "no speech is heard in its 10.0 s; the rest sounds like music or tones"),
    (0.3 * np.sin(np.arange(48_000) / 5), "sounds like music or tones"),
    (np.full(3000, 0.1), r"it has 0\.19 s, and at least 1 s are needed"),
], ids=["silence", "white", "brown", "music", "tone", "short"])  # fmt: skip
def test_what_is_no_speech_is_told_by_its_kind(wav, reason):
    with pytest.raises(ClipError, match=reason):
        find_speech(np.asarray(wav, np.float32))


def test_a_narrow_band_is_said(codec, voices, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        speaker_of(stored(tmp_path / "telephone.wav", voices[0], 8000), codec)
    assert "telephone.wav has 8000 Hz, so nothing above 4.0 kHz" in caplog.text


def test_a_film_without_speech_is_no_reference(codec, tmp_path):
    with pytest.raises(DubberError, match=r"cannot be used: no speech is heard in its 2\.0 s") as told:
        speaker_of(write_film(tmp_path / "a.mp4", Kind(), 50), codec)
    assert "one person speaks clearly" in told.value.hint
    with pytest.raises(DubberError, match="cannot be used: no audio stream"):
        speaker_of(write_film(tmp_path / "b.mp4", Kind(sound=None), 50), codec)


@pytest.mark.real
def test_recordings_keep_their_voice_at_every_rate(codec, shared_data, tmp_path):
    """Where the pitch tracker decides otherwise in a frame or two the cosine may fall to .995."""
    clips = [*sorted((shared_data / "grid-mini" / "video").glob("*/*.mp4"))[::120]]
    clips += sorted((shared_data / "speech" / "librispeech").glob("*/*.flac"))[::25]
    found = []
    for clip in clips:
        wav = read_audio(clip).samples
        plain = speaker_of(stored(tmp_path / "16.wav", wav), codec)
        assert cosine(speaker_of(clip, codec), plain) > SAME
        found += [
            cosine(speaker_of(stored(tmp_path / "a.wav", wav, rate), codec), plain) for rate in (22_050, 44_100, 48_000)
        ]
    assert min(found) > 0.995 and np.mean(np.array(found) > SAME) > 0.85
