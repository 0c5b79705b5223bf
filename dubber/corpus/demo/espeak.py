"""Speech by espeak-ng, with the exact time of every phone: the voices of the demo corpus.

The library comes with the `espeakng-loader` package and is called through its C interface; its events tell at which
sample each phoneme starts.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import espeakng_loader
import numpy as np
import soxr

from dubber.align.phones import Interval
from dubber.corpus.demo.clips import Speaker
from dubber.errors import ClipError, DubberError

SYNCHRONOUS = 2
PHONEME_EVENTS = 0x0001
DONT_EXIT = 0x8000
CHARS_UTF8, PHONEME_NOTATION = 0x001, 0x100
LETTER_A = "[['eI]]"  # spelled out, or `at A` becomes the phrase `at a`
RATE, PITCH, RANGE = 1, 3, 4
END, WORD, PHONEME = 0, 1, 7

STRESS_AND_LENGTH = "',%=;"
SILENCE = "_:"
MNEMONICS = """
p=P b=B t=T d=D k=K g=G m=M n=N N=NG f=F v=V T=TH D=DH s=S z=Z S=SH Z=ZH h=HH tS=CH dZ=JH l=L r=R r-=R w=W j=Y t#=T
@L=L a=AE a2=AE a#=AH A=AA A:=AA 0=AA aI=AY aU=AW E=EH e=EH e@=EH eI=EY I=IH I2=IH I#=IH i=IY i:=IY I2:=IY i@=IY
i@3=IY O=AO O:=AO oU=OW OI=OY U=UH u=UW u:=UW V=AH @=AH @2=AH 3=ER 3:=ER
"""
ARPABET = dict(pair.split("=") for pair in MNEMONICS.split())
RHOTIC = {"A@": ("AA", "R"), "o@": ("AO", "R"), "O@": ("AO", "R"), "U@": ("UH", "R")}


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Speech:
    """An utterance.

    Attributes:
        samples: float32 [n], -1..1.
        phones: ARPAbet without stress, in order, without gaps inside a word.
        words: as in the text.
    """

    samples: np.ndarray
    phones: list[Interval]
    words: list[Interval]


@dataclass(frozen=True)
class _Mark:
    """An event of the library: a word starts, or a phoneme starts (an empty name: silence)."""

    kind: int
    sample: int
    name: str


@dataclass(frozen=True)
class _Phoneme:
    """A phoneme of the library's, with the number of its word; in samples."""

    name: str
    word: int
    start: int
    end: int


def speak(text: str, speaker: Speaker, sample_rate: int) -> Speech:
    """Say `text` in a speaker's voice.

    Raises:
        ClipError: the library says nothing, other words than the text's, or a phoneme that has no ARPAbet symbol.
    """
    engine = _engine()
    samples, marks = engine.say(text, speaker)
    phonemes = _phonemes(marks, len(samples))
    words = [[p for p in phonemes if p.word == i] for i in range(len(text.split()))]
    if not phonemes or not all(words) or phonemes[-1].word >= len(words):
        raise ClipError(f"espeak-ng does not say {text!r} word by word")
    return Speech(
        samples=soxr.resample(samples, engine.rate, sample_rate).astype(np.float32),
        phones=[
            p
            for phoneme, following in zip(phonemes, [*phonemes[1:], None], strict=True)
            for p in _arpabet(phoneme, following, engine.rate)
        ],
        words=[
            Interval(word, inside[0].start / engine.rate, inside[-1].end / engine.rate)
            for word, inside in zip(text.split(), words, strict=True)
        ],
    )


def _phonemes(marks: list[_Mark], total: int) -> list[_Phoneme]:
    """Each phoneme lasts until the next one starts; silences are dropped.

    The library marks a plosive at its burst and a word at the closure before it: a word's first phoneme starts with
    the word. Where a consonant is drawn over to the next word, the word's mark comes too early, and is passed over.
    """
    found: list[tuple[str, int, int]] = []
    word, word_start = -1, None
    for mark in marks:
        if mark.kind == WORD:
            word, word_start = word + 1, mark.sample
            continue
        before = found[-1][2] if found else -1
        start = mark.sample if word_start is None or word_start <= before else word_start
        found.append((mark.name.strip(STRESS_AND_LENGTH), word, start))
        word_start = None
    ends = [start for _, _, start in found[1:]] + [total]
    phonemes = [_Phoneme(*phoneme, end) for phoneme, end in zip(found, ends, strict=True)]
    return [phoneme for phoneme in phonemes if phoneme.name.strip(SILENCE) and phoneme.end > phoneme.start]


def _arpabet(phoneme: _Phoneme, following: _Phoneme | None, rate: int) -> list[Interval]:
    """An r-coloured vowel is a vowel and R, half each, unless its R is a phoneme of its own."""
    start, end = phoneme.start / rate, phoneme.end / rate
    if phoneme.name in RHOTIC:
        first, second = RHOTIC[phoneme.name]
        if following is not None and ARPABET.get(following.name) == second:
            return [Interval(first, start, end)]
        middle = (start + end) / 2
        return [Interval(first, start, middle), Interval(second, middle, end)]
    if phoneme.name not in ARPABET:
        raise ClipError(f"espeak-ng's phoneme {phoneme.name!r} has no ARPAbet symbol")
    return [Interval(ARPABET[phoneme.name], start, end)]


class _Engine:
    """The library, started once in a process."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS | DONT_EXIT)
        if self.rate <= 0:
            raise DubberError("espeak-ng does not start.", looked_at=data.decode(), hint="Run `make venv` again.")
        self.samples: list[np.ndarray] = []
        self.marks: list[_Mark] = []
        self._callback = _CALLBACK(self._receive)
        self.library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave, count: int, events) -> int:
        if wave and count:
            self.samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != END:
            event = events[i]
            if event.type in (WORD, PHONEME):
                name = bytes(event.id).split(b"\0")[0].decode() if event.type == PHONEME else ""
                self.marks.append(_Mark(event.type, event.sample, name))
            i += 1
        return 0

    def say(self, text: str, speaker: Speaker) -> tuple[np.ndarray, list[_Mark]]:
        self.samples, self.marks = [], []
        if self.library.espeak_SetVoiceByName(speaker.voice.encode()):
            raise DubberError(f"espeak-ng has no voice {speaker.voice!r}.", looked_at=espeakng_loader.get_data_path())
        for parameter, value in ((RATE, speaker.rate), (PITCH, speaker.pitch), (RANGE, speaker.range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        encoded = " ".join(LETTER_A if word == "A" else word for word in text.split()).encode()
        self.library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, CHARS_UTF8 | PHONEME_NOTATION, None, None)
        wave = np.concatenate(self.samples) if self.samples else np.zeros(0, np.int16)
        return wave.astype(np.float32) / 2**15, self.marks


@cache
def _engine() -> _Engine:
    return _Engine()
