"""The embedded codec: its cepstrum, its quantisers, its idea of a voice, and speech through all of it."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dubber.codec.settings import WorldAnalysisSettings, WorldSettings
from dubber.codec.world.analysis import AnalysedClip, Analysis, analyse
from dubber.codec.world.cepstrum import DB_PER_NEPER, distortion, to_cepstrum, to_power
from dubber.codec.world.codec import World, analyse_clip, mean_of
from dubber.codec.world.fit import fit_analysed
from dubber.codec.world.prosody import Prosody, ProsodyQuantiser
from dubber.codec.world.quantiser import ResidualQuantiser, nearest
from dubber.codec.world.voice import Voice, VoiceScale, voice_of
from dubber.corpus.demo.clips import SPEAKERS
from dubber.corpus.demo.espeak import speak
from dubber.errors import ClipError, DubberError, MissingDataError

SETTINGS = WorldSettings(codes=64, iterations=5)
SENTENCES = ("bin blue at f two now", "set white by k seven please")


@cache
def spoken() -> list[AnalysedClip]:
    """Two sentences by two of the demo corpus's voices, one deep and one high."""
    voices = sorted(SPEAKERS, key=lambda speaker: speaker.pitch)
    return [
        analyse_clip(speak(text, voice, 16_000).samples, SETTINGS.analysis)
        for voice in (voices[0], voices[-1])
        for text in SENTENCES
    ]


@pytest.fixture(scope="module")
def speech() -> list[AnalysedClip]:
    return spoken()


@pytest.fixture(scope="module")
def codec(speech) -> World:
    return fit_analysed(speech, SETTINGS, {"clips": "4"})


# --- mel-cepstrum -------------------------------------------------------------------


def test_a_cepstrum_gives_its_spectrum_and_the_spectrum_gives_it_back():
    cepstrum = np.random.default_rng(0).normal(size=(5, 25)) / (1 + np.arange(25))
    assert_allclose(to_cepstrum(to_power(cepstrum, 513, 16_000), 24, 16_000), cepstrum, atol=1e-10)


def test_c0_is_the_level():
    assert_allclose(to_cepstrum(np.full((1, 513), np.exp(2 * 0.7)), 24, 16_000)[0], [0.7] + [0] * 24, atol=1e-10)


def test_distortion_is_the_root_mean_square_level_difference_on_the_mel_axis():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 25)) * 0.2
    b[:, 0] = a[:, 0] + 9  # the mean level does not count
    theta = (np.arange(20_000) + 0.5) * np.pi / 20_000
    levels = [c[:, 1:] @ np.cos(np.outer(np.arange(1, 25), theta)) * DB_PER_NEPER for c in (a, b)]
    assert_allclose(distortion(a, b), np.sqrt(((levels[0] - levels[1]) ** 2).mean(axis=1)), rtol=1e-6)


# --- quantisers ---------------------------------------------------------------------


def test_nearest_is_the_nearest_and_of_equals_the_first():
    rng = np.random.default_rng(2)
    vectors, book = rng.normal(size=(50, 3)), rng.normal(size=(9, 3))
    book[7] = book[2]
    expected = [min(range(9), key=lambda i: (round(((v - book[i]) ** 2).sum(), 9), i)) for v in vectors]
    assert_array_equal(nearest(vectors, book, block=7), expected)


def test_every_stage_codes_what_is_left():
    rng = np.random.default_rng(3)
    quantiser = ResidualQuantiser(rng.normal(size=(3, 8, 2)), np.array([1.0, 4.0]))
    vectors = rng.normal(size=(20, 2))
    rest, expected = vectors * [1, 4], []
    for book in quantiser.codebooks:
        expected.append(nearest(rest, book))
        rest = rest - book[expected[-1]]
    ids = quantiser.encode(vectors)
    assert_array_equal(ids, expected)
    assert_allclose((vectors - quantiser.decode(ids)) * [1, 4], rest, atol=1e-5)


def test_voicing_is_never_changed_by_the_prosody_stream():
    rng = np.random.default_rng(5)
    quantiser = ProsodyQuantiser(rng.normal(size=(6, 2)), rng.normal(size=(3, 1)), pitch_weight=2.0)
    voiced = np.arange(40) % 3 > 0
    prosody = Prosody(voiced, np.where(voiced, rng.normal(size=40), 0), rng.normal(size=40))
    ids = quantiser.encode(prosody)
    decoded = quantiser.decode(ids)
    assert_array_equal(decoded.voiced, voiced)
    assert (ids[voiced] < 6).all() and (ids[~voiced] >= 6).all()
    assert_allclose(decoded.pitch[~voiced], 0)
    assert_allclose(decoded.pitch[voiced], quantiser.voiced[ids[voiced], 0] / 2, rtol=1e-6)


# --- voices -------------------------------------------------------------------------


def test_a_voice_comes_back_from_its_speaker_vector():
    rng = np.random.default_rng(6)
    voices = [Voice.from_vector(vector) for vector in rng.normal(3, [1, 2, 0.5, 4], size=(400, 4))]
    scale, ge2e = VoiceScale.fit(voices), rng.normal(size=256)
    speakers = np.stack([scale.speaker(ge2e, voice) for voice in voices])
    assert_allclose(speakers[:, :256], np.broadcast_to(ge2e, (400, 256)), rtol=1e-6)
    assert_allclose(speakers[:, 256:].mean(axis=0), 0, atol=1e-5)
    assert_allclose(speakers[:, 256:].std(axis=0), 1, rtol=1e-5)
    assert_allclose(scale.voice(speakers[7]).vector(), voices[7].vector(), rtol=1e-5)


def test_what_never_differs_divides_by_nothing():
    voice = Voice.from_vector(np.arange(4.0))
    assert_allclose(VoiceScale.fit([voice, voice]).speaker(np.zeros(256), voice)[256:], 0)


def test_a_louder_recording_has_the_same_tokens_and_another_voice(codec, speech):
    """The level belongs to the voice: what is coded of a clip is how it moves."""
    quiet = speech[1]
    louder = quiet.analysis.cepstrum + np.eye(1, quiet.analysis.cepstrum.shape[1])
    loud = dataclasses.replace(quiet, analysis=dataclasses.replace(quiet.analysis, cepstrum=louder.astype(np.float32)))
    ours, theirs = codec.quantise(quiet), codec.quantise(loud)
    assert (ours.ids == theirs.ids).mean() > 0.99  # rounding decides between equals
    difference = codec.voices.voice(theirs.speaker).cepstrum - codec.voices.voice(ours.speaker).cepstrum
    assert_allclose(difference, np.eye(1, len(difference))[0], atol=1e-4)


# --- the codec ----------------------------------------------------------------------


@pytest.mark.parametrize("samples", [15_900, 16_000, 16_099, 16_101])
def test_tokens_follow_from_the_samples(codec, samples):
    wav = speak(SENTENCES[0], SPEAKERS[0], 16_000).samples
    wav = np.resize(wav, samples)
    tokens = codec.encode(wav)
    assert tokens.ids.shape == (6, round(samples / 200))
    assert tokens.ids.dtype == np.int64 and tokens.ids.min() >= 0 and tokens.ids.max() < codec.vocab
    assert tokens.speaker.shape == (codec.speaker_dim,)
    assert_allclose(np.linalg.norm(tokens.speaker[:256]), 1, rtol=1e-5)
    assert codec.decode(tokens.ids, tokens.speaker).shape == (200 * tokens.ids.shape[1],)


def test_speech_comes_back_as_it_was(codec, speech):
    """Levels and pitch within what 64 codes can say; voicing exactly."""
    for clip in speech:
        tokens = codec.quantise(clip)
        heard = codec.dequantise(tokens.ids, tokens.speaker)
        voiced = clip.analysis.voiced
        assert_array_equal(heard.voiced, voiced)
        cents = 1200 * np.abs(np.log2(heard.f0[voiced] / clip.analysis.f0[voiced]))
        assert np.median(cents) < 50
        assert distortion(clip.analysis.cepstrum, heard.cepstrum)[voiced].mean() < 4
        assert np.corrcoef(clip.analysis.cepstrum[:, 0], heard.cepstrum[:, 0])[0, 1] > 0.95


def test_of_drafts_the_mean_is_spoken(codec, speech, monkeypatch):
    monkeypatch.setattr("dubber.codec.world.codec.synthesise", lambda analysis: analysis)
    monkeypatch.setattr("dubber.codec.world.codec.in_voice", lambda analysis, voice, active_range: analysis)
    tokens = codec.quantise(speech[0])
    other = tokens.ids.copy()
    other[3] = (other[3] + 7) % codec.vocab
    first, second = (codec.dequantise(ids, tokens.speaker) for ids in (tokens.ids, other))
    spoken = codec.decode(np.stack([tokens.ids, other]), tokens.speaker)
    assert_allclose(spoken.cepstrum, (first.cepstrum + second.cepstrum) / 2, rtol=1e-6)
    assert_allclose(spoken.f0, first.f0, rtol=1e-5)
    assert_array_equal(codec.decode(tokens.ids[None], tokens.speaker).cepstrum, first.cepstrum)


def test_drafts_vote_on_voicing_and_the_voiced_ones_agree_on_a_pitch():
    f0s = np.array([[100, 0, 100, 0], [200, 0, 0, 0], [0, 0, 400, 300]], np.float32)
    drafts = [Analysis(f0, np.full((4, 2), float(i)), np.where(f0 > 0, -f0 / 10, 0)) for i, f0 in enumerate(f0s)]
    mean = mean_of(drafts)
    assert_allclose(mean.f0, [np.sqrt(100 * 200), 0, 200, 0], rtol=1e-6)
    assert_allclose(mean.aperiodicity, [-15, 0, -25, 0])
    assert_allclose(mean.cepstrum, 1)


def test_what_is_spoken_has_the_voice_that_was_asked_for(codec, speech, monkeypatch):
    """Codes that are all too high and too loud, as a model may draw them, do not move the voice."""
    monkeypatch.setattr("dubber.codec.world.codec.synthesise", lambda analysis: analysis)
    active_range = SETTINGS.analysis.active_range
    tokens, wanted = codec.quantise(speech[0]), voice_of(speech[-1].analysis, active_range)
    speaker = codec.voices.speaker(speech[-1].ge2e, wanted)
    tokens.ids[0][tokens.ids[0] < len(codec.prosody.voiced)] = int(codec.prosody.voiced.sum(axis=1).argmax())
    spoken = voice_of(codec.decode(tokens.ids, speaker), active_range)
    assert_allclose(spoken.log_f0, wanted.log_f0, atol=1e-4)
    assert_allclose(spoken.cepstrum, wanted.cepstrum, atol=1e-3)


def test_every_stage_brings_the_spectrum_closer(codec, speech):
    clip = speech[0]
    tokens = codec.quantise(clip)
    errors = []
    for stages in range(4):
        quantiser = codec.acoustic
        cut = dataclasses.replace(codec, acoustic=ResidualQuantiser(quantiser.codebooks[:stages], quantiser.weights))
        heard = cut.dequantise(tokens.ids[: 3 + stages], tokens.speaker) if stages else None
        if heard is not None:
            errors.append(distortion(clip.analysis.cepstrum, heard.cepstrum).mean())
    assert errors == sorted(errors, reverse=True)


def test_another_voice_says_the_same(codec, speech):
    """With the high voice's vector a deep clip rises; what is said, the content stream, is not touched."""
    deep, high = speech[0], speech[-1]
    tokens = codec.quantise(deep)
    own, other = (codec.dequantise(tokens.ids, codec.quantise(clip).speaker) for clip in (deep, high))
    assert_array_equal(own.voiced, other.voiced)
    ratio = np.log(other.f0[own.voiced] / own.f0[own.voiced])
    means = [voice_of(clip.analysis, SETTINGS.analysis.active_range).log_f0 for clip in (deep, high)]
    assert_allclose(ratio, means[1] - means[0], rtol=1e-3)
    assert ratio[0] > 0.1


def test_fitting_twice_gives_the_same_codec(codec, speech):
    again = fit_analysed(speech, SETTINGS)
    assert_array_equal(codec.content.codebooks, again.content.codebooks)
    assert_array_equal(codec.acoustic.codebooks, again.acoustic.codebooks)
    assert_array_equal(codec.prosody.voiced, again.prosody.voiced)


def test_a_saved_codec_is_the_same(codec, speech, tmp_path):
    codec.save(tmp_path / "codec.safetensors")
    loaded = World.load(tmp_path / "codec.safetensors")
    assert loaded.settings == codec.settings and loaded.provenance == {"clips": "4"}
    tokens = loaded.quantise(speech[1])
    assert_array_equal(tokens.ids, codec.quantise(speech[1]).ids)
    assert_array_equal(loaded.decode(tokens.ids, tokens.speaker), codec.decode(tokens.ids, tokens.speaker))


def test_what_is_not_a_codec_is_refused(tmp_path):
    path = tmp_path / "codec.safetensors"
    with pytest.raises(MissingDataError, match="missing"):
        World.load(path)
    path.write_bytes(b"no")
    with pytest.raises(DubberError, match="cannot be read"):
        World.load(path)


@pytest.mark.parametrize(
    ("wav", "reason"),
    [
        (np.zeros(100, np.float32), "too short"),
        (np.zeros(16_000, np.float32), "silent"),
        (np.full(16_000, np.nan, np.float32), "not finite"),
        (np.random.default_rng(0).normal(size=16_000).astype(np.float32) * 0.1, "no voiced speech"),
    ],
)
def test_a_clip_that_cannot_be_spoken_is_a_failure_with_its_reason(wav, reason):
    with pytest.raises(ClipError, match=reason):
        analyse(wav, WorldAnalysisSettings())


def test_fitting_on_nothing_is_refused():
    with pytest.raises(DubberError, match="no clip"):
        fit_analysed([], SETTINGS)
