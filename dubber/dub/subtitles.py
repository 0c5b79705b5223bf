"""Texts and subtitle files: their encodings, their times, and what of a caption is spoken.

.srt, .vtt and .sbv are read by their lines, .ass and .ssa by pysubs2. It reads the first two as well, but it speaks
the notes and cue names of a .vtt, wants hours in every .srt time, and takes a last line of digits for a number.
"""

from __future__ import annotations

import codecs
import html
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dubber.errors import DubberError
from dubber.files import read_limited

log = logging.getLogger(__name__)

_MARKS = (  # of UTF-32 before UTF-16, which begins alike
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_END_OF_FILE = "\x1a"  # what DOS wrote after the last line
_LAYOUT = "\t\n\r\f\v\x85"

_TIME = r"(?:(\d{1,9}):)?(\d{1,3}):(\d{1,2})(?:[,.:](\d{1,9}))?"
_ARROW = re.compile(rf"^\s*{_TIME}\s*(?:[-–—=]+\s?>|→)\s*{_TIME}(?=\s|$)")
_COMMA = re.compile(rf"^\s*{_TIME}\s*,\s*{_TIME}\s*$")  # .sbv
_LINE_END = re.compile(r"\r\n|\r|\n")

_MARKUP = re.compile(r"<[^<>]*>|\{[^{}]*\}")
_LONGEST_CAPTION = 10_000  # characters that are searched; nobody says as much in one cue
_MUSIC = re.compile(r"[♩♪♫♬♭♮♯𝄞]+|^\s*#+(?=\s)|(?<=\s)#+\s*$", re.MULTILINE)
_SUNG = re.compile(r"(?<=[♩♪♫♬])[^♩♪♫♬]*\b(?:music|instrumental|playing|plays|theme|melody)\b[^♩♪♫♬]*(?=[♩♪♫♬])", re.I)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|［[^［］]*］|【[^【】]*】")
_PARENTHESES = re.compile(r"[(（]([^()（）]*)[)）]|\*([^*\n]+)\*")
_TURN = re.compile(r"^\s*(?:>{2,}|[-‐–—](?=\s|\w))\s*", re.MULTILINE)  # another speaker begins
_SOUND = re.compile(
    r"(?:[\w'-]+(?:s|ing|ed)|sigh|gasp|cough|laughter|applause|music|silence|noise|whisper|laugh|chuckle|sob|"
    r"beep|thud|bang|click|indistinct|inaudible|unintelligible|quietly|softly|loudly|v\.?o\.?|o\.?s\.?|cont'?d|"
    r"(?:in|on|over|off|to) \w+.*)\b",
    re.IGNORECASE,
)
_MOST_SOUND_WORDS = 5

_TITLE = r"(?:Mr|Mrs|Ms|Dr|Prof|Sgt|Lt|Capt|Col|Gen|Det|Rev|Sr|Jr|St)\."
_SHOUTED = r"[A-Z][A-Z0-9.'’&/-]*(?: (?:#?\d+|[A-Z][A-Z0-9.'’&/-]*)){0,4}"
_NAMED = rf"(?:{_TITLE}|[A-Z][\w'’-]*[a-z])(?: (?:#?\d+|{_TITLE}|[A-Z][\w'’-]*)){{0,2}}"
_LABEL = re.compile(
    rf"(?:^|(?<=[.?!…] ))(?P<name>{_SHOUTED}|{_NAMED})\s?(?:[(\[][^()\[\]]*[)\]]\s?)?:(?=\s|$)", re.MULTILINE
)
_OPENINGS = """
announcement answer attention breaking caution conclusion danger disclaimer example exactly fact finally first fourth
hint important last lastly lesson listen look meaning next note notice objective once one part plus point problem ps
question reason remember reminder result rule second solution spoiler step summary then third tip today tomorrow
translation two update verdict warning why yes no okay ok so well now ingredients directions time date price topic
title chapter section act scene
"""
_SAID_ALOUD = frozenset(_OPENINGS.split())  # words before a colon that are not a name


def read_text(path: Path | str) -> str:
    """The text of a file; its encoding is found by its byte-order mark, its zero bytes, or by trial.

    Raises:
        DubberError: the file cannot be read, is too large, or is not a text.
    """
    content = read_limited(path, "The text")
    encoding = _encoding(content)
    if encoding != "utf-8":
        log.info("%s is read as %s", Path(path).name, encoding)
    try:
        text = content.decode(encoding).rstrip(_END_OF_FILE)
    except UnicodeDecodeError as error:
        raise _no_text(path, f"it is not {encoding} throughout") from error
    controls = {character for character in text if character < " " or "\x7f" <= character < "\xa0"} - set(_LAYOUT)
    if controls:
        raise _no_text(path, f"read as {encoding}, it holds the control character {min(controls)!r}")
    return text


def _encoding(content: bytes) -> str:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    if b"\0" in content:  # Latin letters in UTF-16 have one zero byte each
        return "utf-16-le" if content[1::2].count(0) >= content[::2].count(0) else "utf-16-be"
    for name in ("utf-8", "cp1252"):
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    from charset_normalizer import from_bytes

    guess = from_bytes(content).best()
    return guess.encoding if guess else "cp1252"


def _no_text(path: Path | str, why: str) -> DubberError:
    return DubberError(
        f"This is not a text: {why}.", looked_at=path, hint="Is it the right file? If it is, save it as UTF-8."
    )


@dataclass(frozen=True)
class Caption:
    """What a subtitle file says for a moment.

    Attributes:
        number: its place in the file, from 1.
        start, end: s.
        text: its lines, with their markup.
    """

    number: int
    start: float
    end: float
    text: str


def captions(text: str) -> list[Caption]:
    """The captions of a subtitle file of any kind that is read, in the order of the file."""
    text = text.lstrip("\ufeff \t\r\n")
    if "[Events]" in text and re.search(r"^Dialogue:", text, re.MULTILINE):
        return _of_substation(text)
    lines = _LINE_END.split(text)
    times = _ARROW if any(map(_ARROW.match, lines)) else _COMMA
    heads = [i for i, line in enumerate(lines) if times.match(line)]
    bodies = _blocks(lines, heads) if text.startswith("WEBVTT") or times is _COMMA else _numbered(lines, heads)
    found = []
    for number, (head, body) in enumerate(zip(heads, bodies, strict=True), start=1):
        stamps = times.match(lines[head])
        assert stamps is not None
        start, end = _seconds(stamps.groups()[:4]), _seconds(stamps.groups()[4:])
        found.append(Caption(number, start, end, "\n".join(body)))
    return found


def _blocks(lines: Sequence[str], heads: Sequence[int]) -> Iterator[list[str]]:
    """.vtt and .sbv: a cue ends with an empty line; what follows is a note, a style or the next cue's name."""
    for head, following in pairwise([*heads, len(lines)]):
        body = list(lines[head + 1 : following])
        empty = [i for i, line in enumerate(body) if not line.strip()]
        yield body[: empty[0]] if empty else body


def _numbered(lines: Sequence[str], heads: Sequence[int]) -> Iterator[list[str]]:
    """.srt: a cue ends before the next one's number, or at its times where there are no numbers."""
    has_numbers = bool(heads) and heads[0] > 0 and lines[heads[0] - 1].strip().isdecimal()
    for head, following in pairwise([*heads, len(lines)]):
        body = list(lines[head + 1 : following])
        while body and not body[-1].strip():
            body.pop()
        stands_alone = len(body) > 1 and not body[-2].strip()
        if has_numbers and body and body[-1].strip().isdecimal() and (following < len(lines) or stands_alone):
            body.pop()
        yield body


def _of_substation(text: str) -> list[Caption]:
    from pysubs2 import Pysubs2Error, SSAFile

    try:
        events = SSAFile.from_string(text, format_="ass").events
    except (Pysubs2Error, ValueError, LookupError, OverflowError):
        return []
    spoken = [event for event in events if not event.is_comment and not event.is_drawing]
    return [
        Caption(number, event.start / 1000, event.end / 1000, event.plaintext)
        for number, event in enumerate(spoken, start=1)
    ]


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(f"0.{fraction}")


def spoken_part(caption: str, *, keep_descriptions: bool = False) -> str:
    """The words of a caption that somebody says, on one line; empty where nobody speaks.

    Args:
        caption: one cue's lines.
        keep_descriptions: leave labels and descriptions in; only markup and music signs go.
    """
    text = html.unescape(_MARKUP.sub("", caption))
    if not keep_descriptions and len(text) <= _LONGEST_CAPTION:
        text = "\n".join(line.strip() for line in _SUNG.sub(" ", text).split("\n"))
        text = _TURN.sub("", _LABEL.sub(_without_label, _TURN.sub("", text)))
        text = _BRACKETS.sub(" ", text)
        text = _PARENTHESES.sub(_without_description, text)
        text = _TURN.sub("", _LABEL.sub(_without_label, "\n".join(line.strip() for line in text.split("\n"))))
    return " ".join(_MUSIC.sub(" ", text).split())


def _without_label(label: re.Match[str]) -> str:
    words = label["name"].lower().rstrip(".").split()
    return label[0] if words[0] in _SAID_ALOUD else ""


def _without_description(found: re.Match[str]) -> str:
    """Nothing in place of what opens a line, fills it, or names a sound; an aside of the speaker is kept."""
    inner = (found[1] or found[2] or "").strip()
    line_start = found.string.rfind("\n", 0, found.start()) + 1
    opens_line = found[1] is not None and not found.string[line_start : found.start()].strip(" -–—")
    names_sound = len(inner.split()) <= _MOST_SOUND_WORDS and _SOUND.match(inner)
    return " " if opens_line or inner.isupper() or names_sound or not inner else found[0]
