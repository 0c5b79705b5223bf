"""Praat TextGrids, long and short: only numbers, quoted strings and flags count, so one reader takes both."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dubber.align.phones import Interval
from dubber.errors import DubberError
from dubber.limits import read_limited

_TOKEN = re.compile(r'"(?P<string>(?:[^"]|"")*)"|(?P<open>")|(?P<comment>![^\n]*)|(?P<word>[^\s"]+)')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_ENCODINGS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


@dataclass(frozen=True)
class Tier:
    """One tier; the points of a `TextTier` are intervals without length."""

    name: str
    kind: str
    intervals: tuple[Interval, ...]


def read_textgrid(path: Path | str) -> tuple[Tier, ...]:
    """The tiers of a TextGrid file (UTF-8 or UTF-16), times in seconds.

    Raises:
        DubberError: the file is missing, too large or malformed; the message names the line.
    """
    return parse_textgrid(read_limited(path, "A TextGrid"), source=path)


def parse_textgrid(data: bytes, source: Path | str = "TextGrid") -> tuple[Tier, ...]:
    """The tiers of a TextGrid in memory; see `read_textgrid`."""
    tokens = _Tokens(_decode(data, source), source)
    for expected in ("ooTextFile", "TextGrid"):
        if (found := tokens.string("the header")) != expected:
            tokens.fail(f"expected the header {expected!r}, found {found[:40]!r}")
    tokens.span("the file")
    if not tokens.exists():
        return ()
    tiers = tuple(_tier(tokens) for _ in range(tokens.count("tiers")))
    tokens.end()
    return tiers


def _tier(tokens: _Tokens) -> Tier:
    kind = tokens.string("a tier's class")
    if kind not in ("IntervalTier", "TextTier"):
        tokens.fail(f"expected an IntervalTier or a TextTier, found {kind[:40]!r}")
    name = tokens.string("a tier's name")
    tokens.span(f"tier {name!r}")
    count = tokens.count(f"intervals of tier {name!r}")
    if kind == "TextTier":
        return Tier(name, kind, tuple(_point(tokens) for _ in range(count)))
    return Tier(name, kind, tuple(_interval(tokens) for _ in range(count)))


def _interval(tokens: _Tokens) -> Interval:
    start, end = tokens.span("an interval")
    return Interval(tokens.string("an interval's text"), start, end)


def _point(tokens: _Tokens) -> Interval:
    time = tokens.number("a point's time")
    return Interval(tokens.string("a point's mark"), time, time)


def _decode(data: bytes, source: Path | str) -> str:
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DubberError(
            f"A TextGrid is not {encoding} text: byte {error.start} cannot be decoded.",
            looked_at=source,
            hint="Save it from Praat with text writing preference UTF-8.",
        ) from error


class _Tokens:
    """The numbers, strings and flags of the text, read one after the other."""

    def __init__(self, text: str, source: Path | str) -> None:
        self._text, self._source = text, source
        self._position = 0
        self._found = self._scan()

    def _scan(self) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(self._text):
            self._position = match.start()
            kind, value = match.lastgroup, match[0]
            if kind == "open":
                self.fail("a quoted string is not closed")
            elif kind == "string":
                yield "string", match["string"].replace('""', '"')
            elif kind == "word" and _NUMBER.fullmatch(value):
                yield "number", value
            elif kind == "word" and value.startswith("<") and value.endswith(">"):
                yield "flag", value
        self._position = len(self._text)

    def _next(self, kind: str, what: str) -> str:
        found, value = next(self._found, ("the end of the file", ""))
        if found != kind:
            self.fail(f"expected {what} (a {kind}), found {found} {value[:40]}".rstrip())
        return value

    def string(self, what: str) -> str:
        return self._next("string", what)

    def number(self, what: str) -> float:
        value = float(self._next("number", what))
        if not math.isfinite(value):
            self.fail(f"{what} is not finite")
        return value

    def span(self, what: str) -> tuple[float, float]:
        start, end = self.number(f"the start of {what}"), self.number(f"the end of {what}")
        if end < start:
            self.fail(f"{what} ends at {end} before it starts at {start}")
        return start, end

    def count(self, what: str) -> int:
        value = self.number(f"the number of {what}")
        if value < 0 or value != int(value):
            self.fail(f"the number of {what} is {value}")
        return int(value)

    def exists(self) -> bool:
        return self._next("flag", "whether tiers exist") == "<exists>"

    def end(self) -> None:
        found, value = next(self._found, ("", ""))
        if found:
            self.fail(f"expected the end of the file, found {found} {value[:40]}")

    def fail(self, why: str) -> NoReturn:
        line = self._text.count("\n", 0, self._position) + 1
        raise DubberError(
            f"A TextGrid is malformed at line {line}: {why}.",
            looked_at=f"{self._source}:{line}",
            hint="Delete the file and align the clip again.",
        )
