"""Digits and signs of quantity, spelled as they are read."""

from __future__ import annotations

import re
from functools import cache

_CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro"}
_LONGEST = 15  # digits; a longer one is an identifier and is read digit by digit
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_RANGE = re.compile(r"(?<=\d)[-–](?=\d)")
_NUMBER = re.compile(
    r"(?P<minus>(?<![\w.,)])[-−](?=[$£€]?\d))?(?P<currency>[$£€])?"
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?P<fraction>\d+))?"
    r"(?P<suffix>(?:st|nd|rd|th|s)\b|\s?%)?",
    re.IGNORECASE,
)


def spell_numbers(text: str) -> str:
    """`text` with numbers, ordinals, years, decades, clock times, percentages and sums of money in words."""
    if not any(character.isdigit() for character in text):
        return text
    return _NUMBER.sub(_number, _RANGE.sub(" ", _CLOCK.sub(_clock, text)))


@cache
def _engine():
    import inflect  # slow to import, and few texts hold digits

    return inflect.engine()


def _cardinal(digits: str) -> str:
    if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return _digit_by_digit(digits)
    return _engine().number_to_words(int(digits), andword="", comma="").replace("-", " ")


def _digit_by_digit(digits: str) -> str:
    return " ".join(_engine().number_to_words(int(digit)) for digit in digits)


def _pair(digits: str) -> str:
    """Two digits of a year or of a clock: `05` is oh five, `00` is hundred."""
    if digits == "00":
        return "hundred"
    return f"oh {_cardinal(digits[1])}" if digits[0] == "0" else _cardinal(digits)


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and (1100 <= int(digits) < 2000 or 2010 <= int(digits) < 2100)


def _clock(match: re.Match[str]) -> str:
    hour, minute = match.groups()
    spoken = "o'clock" if minute == "00" else _pair(minute)
    return f" {_cardinal(str(int(hour)))} {spoken} "


def _number(match: re.Match[str]) -> str:
    whole, fraction, currency = match["whole"], match["fraction"], match["currency"]
    suffix = (match["suffix"] or "").strip().lower()
    plain = whole.replace(",", "")
    if currency:
        spoken = _money(plain, fraction, _CURRENCIES[currency])
    elif fraction:
        spoken = f"{_cardinal(plain)} point {_digit_by_digit(fraction)}"
    elif suffix in ("st", "nd", "rd", "th"):
        spoken = _engine().ordinal(_cardinal(plain))
    elif _is_year(whole):
        spoken = f"{_cardinal(plain[:2])} {_pair(plain[2:])}"
    else:
        spoken = _cardinal(plain)
    if suffix == "s":
        head, _, last = spoken.rpartition(" ")
        spoken = f"{head} {_engine().plural(last)}"
    elif suffix == "%":
        spoken = f"{spoken} percent"
    return f" {'minus ' if match['minus'] else ''}{spoken} "


def _money(whole: str, fraction: str | None, unit: str) -> str:
    spoken = f"{_cardinal(whole)} {unit if int(whole) == 1 else unit + 's'}"
    if fraction and len(fraction) == 2 and int(fraction):
        return f"{spoken} {_cardinal(str(int(fraction)))}"
    if fraction and len(fraction) != 2:
        return f"{_cardinal(whole)} point {_digit_by_digit(fraction)} {unit}s"
    return spoken
