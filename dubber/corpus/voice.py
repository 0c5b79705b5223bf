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

from dubber.corpus.demo import Speaker
from dubber.errors import ClipError, DubberError

SYNCHRONOUS = 2
PHONEME_EVENTS = 0x0001
DONT_EXIT = 0x8000
CHARS_UTF8, PHONEME_NOTATION = 0x001, 0x100
LETTER_A = "[['eI]]"  # spelled out, or `at A` becomes the phrase `at a`
RATE, PITCH, RANGE = 1, 3, 4
END, WORD, PHONEME = 0, 1, 7

PROSODY_MARKS = "',%=;"
ARPABET = {
    **{"p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "g": "G", "m": "M", "n": "N", "N": "NG", "f": "F", "v": "V"},
    **{
        "T": "TH",
        "D": "DH",
        "s": "S",
        "z": "Z",
        "S": "SH",
        "Z": "ZH",
        "h": "HH",
        "tS": "CH",
        "dZ": "JH",
        "l": "L",
        "r-": "R",
    },
    **{"r": "R", "w": "W", "j": "Y", "a": "AE", "a#": "AH", "aI": "AY", "aU": "AW", "A:": "AA", "A": "AA", "0": "AA"},
    **{"E": "EH", "eI": "EY", "e": "EH", "I": "IH", "I2": "IH", "i": "IY", "i:": "IY", "i@": "IY", "I#": "IH"},
    **{"O:": "AO", "O": "AO", "oU": "OW", "OI": "OY", "U": "UH", "u:": "UW", "u": "UW", "V": "AH", "@": "AH"},
    **{"3": "ER", "3:": "ER", "@2": "AH", "@L": "L", "t#": "T", "e@": "EH", "i@3": "IY", "a2": "AE", "I2:": "IY"},
}
RHOTIC = {"A@": ("AA", "R"), "o@": ("AO", "R"), "O@": ("AO", "R"), "U@": ("UH", "R"), "e@": ("EH", "R")}


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
class Interval:
    """A labelled stretch of time, seconds."""

    label: str
    start: float
    end: float


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


def speak(text: str, speaker: Speaker, sample_rate: int) -> Speech:
    """Say `text` in a speaker's voice.

    Raises:
        ClipError: the library says nothing, or a phoneme that has no ARPAbet symbol.
    """
    engine = _engine()
    samples, marks = engine.say(text, speaker)
    if not len(samples):
        raise ClipError(f"espeak-ng says nothing for {text!r}")
    phones = [p for span in _spans(marks, len(samples), PHONEME) for p in _arpabet(span, engine.rate)]
    words = [
        Interval(word, span.start / engine.rate, phones[-1].end if span.end is None else span.end / engine.rate)
        for word, span in zip(text.split(), _words(marks), strict=True)
    ]
    resampled = soxr.resample(samples, engine.rate, sample_rate).astype(np.float32)
    return Speech(resampled, phones, words)


@dataclass(frozen=True)
class _Span:
    name: str
    start: int
    end: int | None


def _spans(marks: list[_Mark], total: int, kind: int) -> list[_Span]:
    """Each phoneme lasts until the next one starts; silences are dropped."""
    chosen = [mark for mark in marks if mark.kind == kind]
    ends = [mark.sample for mark in chosen[1:]] + [total]
    spans = [_Span(mark.name.strip(PROSODY_MARKS), mark.sample, end) for mark, end in zip(chosen, ends, strict=True)]
    return [span for span in spans if span.name.strip("_:") and span.end > span.start]


def _words(marks: list[_Mark]) -> list[_Span]:
    """Each word starts with its first phoneme and lasts until the next word or the final silence."""
    spans: list[_Span] = []
    starts = [i for i, mark in enumerate(marks) if mark.kind == WORD]
    for i, following in zip(starts, [*starts[1:], len(marks)], strict=True):
        inside = [mark for mark in marks[i:following] if mark.kind == PHONEME]
        silence = next((mark.sample for mark in inside if not mark.name.strip("_:")), None)
        end = silence if silence is not None else (marks[following].sample if following < len(marks) else None)
        spans.append(_Span("", inside[0].sample, end))
    return spans


def _arpabet(span: _Span, rate: int) -> list[Interval]:
    start, end = span.start / rate, span.end / rate
    if span.name in RHOTIC:
        middle = (start + end) / 2
        first, second = RHOTIC[span.name]
        return [Interval(first, start, middle), Interval(second, middle, end)]
    if span.name not in ARPABET:
        raise ClipError(f"espeak-ng's phoneme {span.name!r} has no ARPAbet symbol")
    return [Interval(ARPABET[span.name], start, end)]


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
