"""The GE2E encoder and its mel spectrogram: the numbers of the packages that they stand in for."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.networks.ge2e import MEL, ge2e, speech_only
from dubber.networks.mel import Mel
from tests.metrics.test_secs import voice

LENGTHS = [0.2, 1.59, 1.61, 2.0, 3.7]  # s


@pytest.mark.parametrize(
    "mel",
    [MEL, Mel(1024, 160, 80), Mel(400, 160, 40, highest=7600), Mel(400, 160, 40, 50, scale="htk", padding="reflect")],
)
def test_mel_power_is_librosas(mel):
    librosa = pytest.importorskip("librosa")
    wav = voice(120, 1.3)
    expected = librosa.feature.melspectrogram(
        y=wav, sr=16000, n_fft=mel.window, hop_length=mel.hop, n_mels=mel.bands, fmin=mel.lowest, fmax=mel.highest,
        htk=mel.scale == "htk", norm=None if mel.scale == "htk" else "slaney", pad_mode=mel.padding,
    )  # fmt: skip
    found = mel.power(wav)
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * expected.max())


@pytest.mark.parametrize("seconds", LENGTHS)
def test_vectors_are_the_packages(seconds):
    resemblyzer = pytest.importorskip("resemblyzer")
    wav = np.concatenate(
        [np.zeros(8000, np.float32), voice(140, seconds), np.zeros(12000, np.float32), voice(140, 0.5)]
    )
    expected = resemblyzer.preprocess_wav(wav)
    found = speech_only(wav)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    theirs = resemblyzer.VoiceEncoder("cpu", verbose=False).embed_utterance(expected)
    np.testing.assert_allclose(ge2e().embed(found), theirs, atol=2e-5)


@pytest.mark.parametrize("wav", [np.zeros(16000, np.float32), np.zeros(0, np.float32), np.full(300, 0.1, np.float32)])
def test_silence_holds_no_speech(wav):
    assert len(speech_only(wav)) == 0
