"""The demo corpus: exact phone times, a mouth that follows them, a face that a detector finds."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from dubber.corpus.demo import espeak as voice
from dubber.corpus.demo import render
from dubber.corpus.demo.clips import SPEAKERS, sentences
from dubber.corpus.demo.talking_head import Face, Pose
from dubber.corpus.grid import sentence
from dubber.corpus.settings import RenderSettings
from dubber.errors import ClipError
from dubber.text.alphabet import SYMBOLS

SETTINGS = RenderSettings()
SAY_ALL = """
import hashlib
from dubber.corpus.demo import clips as demo
from dubber.corpus.demo import espeak as voice
for speaker in demo.SPEAKERS:
    print(hashlib.sha256(voice.speak("bin blue at F two now", speaker, 16000).samples.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def speech() -> voice.Speech:
    spoken = voice.speak("place blue at F two soon", SPEAKERS[0], SETTINGS.sample_rate)
    return render.placed(spoken, SETTINGS, seed="x")


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.name)
def test_every_voice_speaks_known_phones_in_time(speaker):
    for name in sentences(speaker, 6, 0):
        spoken = voice.speak(sentence(name), speaker, SETTINGS.sample_rate)
        assert [word.label for word in spoken.words] == sentence(name).split()
        assert all(phone.label in SYMBOLS for phone in spoken.phones)
        assert all(phone.label in render.OPENING for phone in spoken.phones)
        ends = [p.end for p in spoken.phones]
        assert all(a.end <= b.start + 1e-6 for a, b in zip(spoken.phones, spoken.phones[1:], strict=False))
        assert ends[-1] <= len(spoken.samples) / SETTINGS.sample_rate + 1e-3


def test_phones_stand_where_the_sound_is(speech):
    """Vowels are loud, the silence before the first phone is not."""

    def level(start, end):
        piece = speech.samples[int(start * 16000) : int(end * 16000)]
        return float(np.sqrt((piece**2).mean()))

    vowels = [p for p in speech.phones if p.label in ("EY", "UW", "AE", "EH")]
    assert min(level(p.start, p.end) for p in vowels) > 10 * level(0, speech.phones[0].start - 0.02)


def test_every_voice_sounds_the_same_in_every_process():
    """Or a corpus that is made anew would be another corpus."""
    said = [subprocess.run([sys.executable, "-c", SAY_ALL], capture_output=True, text=True, check=True) for _ in "ab"]
    assert said[0].stdout == said[1].stdout
    assert len(set(said[0].stdout.split())) == len(SPEAKERS)


def test_a_sentence_that_does_not_fit_is_refused():
    spoken = voice.speak("place blue at F two soon", SPEAKERS[0], 16000)
    with pytest.raises(ClipError, match="do not fit"):
        render.placed(spoken, SETTINGS.model_copy(update={"duration": 1.0}), seed="x")


def test_the_mouth_follows_the_phones(speech):
    poses = list(render.poses(speech, SETTINGS))
    assert len(poses) == 75

    def opening(label):
        phone = next(p for p in speech.phones if p.label == label)
        return poses[int((phone.start + phone.end) / 2 * 25)].opening

    assert opening("AE") > 2 * opening("UW") > 0
    assert poses[0].opening < opening("UW")


def test_an_open_mouth_is_dark_below_the_teeth_and_the_rest_stays():
    face = Face(SPEAKERS[0], 256)
    rest = Pose(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    closed, opened = face.frame(rest), face.frame(Pose(14.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    difference = np.abs(closed.astype(int) - opened).sum(axis=2)
    rows, columns = np.nonzero(difference > 60)
    x, y = face.x[0, columns], face.y[rows, 0]
    assert x.min() > 185 and x.max() < 263, "only the mouth and the jaw move"
    assert y.min() > 136
    dark = (opened.sum(axis=2) < 150) & (closed.sum(axis=2) > 200) & (face.y > 136) & (face.y < 160)
    assert dark.sum() > 100


@pytest.mark.parametrize("speaker", SPEAKERS, ids=lambda s: s.name)
def test_a_detector_that_never_saw_it_finds_the_face(speaker):
    face = Face(speaker, 256)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    for pose in (Pose(0, 0, 0, 0, 0, 0), Pose(11, 0, 3.5, -3, 2, 1.5), Pose(5, 1, -3.5, 3, -2, -1.5)):
        grey = cv2.cvtColor(face.frame(pose), cv2.COLOR_RGB2GRAY)
        assert len(cascade.detectMultiScale(grey, 1.1, 4, minSize=(60, 60))) == 1


def test_speakers_look_different():
    frames = [Face(speaker, 128).frame(Pose(0, 0, 0, 0, 0, 0)).astype(int) for speaker in SPEAKERS]
    for i, a in enumerate(frames):
        assert all(np.abs(a - b).mean() > 3 for b in frames[:i])
