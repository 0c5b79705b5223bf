"""Numbers in words as American English reads them, with the dates, times and telephone numbers made of them.

What is written is replaced by what is said, rule by rule in the order of the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

NAMED = "\ue001"
"""After a letter that is read by its name. It is of Unicode's private use area, and texts are rid of it first."""


def listed(words: str) -> tuple[str, ...]:
    """The words of a line."""
    return tuple(words.split())


def table(lines: str) -> dict[str, str]:
    """`a=first, b=second` as a dictionary."""
    return dict(pair.strip().rsplit("=", 1) for pair in lines.split(","))


def either(words: Iterable[str]) -> str:
    """A pattern that matches any of the words, the longest that fits."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_ONES = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = listed("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_LOOK_BACK = 40  # characters
_LONGEST = 15  # digits; a longer number is an identifier and is read digit by digit

PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
DECIMAL = rf"(?:{PLAIN}(?:\.\d+)?|(?<![\w.])\.\d+)"
FRACTION = r"(?:\d{1,4}\s)?\d{1,3}\s?/\s?\d{1,4}(?![/\d])"
AMOUNT = rf"(?:{FRACTION}|{DECIMAL})"
"""A number as `amount` reads it: 1,234.5, .5, 1/2 or 2 1/2."""


def rule(pattern: str, spoken: Callable[[re.Match[str]], str]) -> Rule:
    """A substitution: what a pattern matches, and the words for it."""
    return re.compile(pattern), spoken


def apply(rules: Iterable[Rule], text: str) -> str:
    """The text after every substitution, in their order."""
    for pattern, spoken in rules:
        text = pattern.sub(spoken, text)
    return text


def before(match: re.Match[str]) -> str:
    """The end of what precedes a match."""
    return match.string[max(0, match.start() - _LOOK_BACK) : match.start()]


def spelled(letters: str) -> str:
    """Letters that are read by their names, one by one."""
    return " ".join(f"{letter}{NAMED}" for letter in letters if letter.isalpha())


def cardinal(digits: str) -> str:
    """`105` -> one hundred five; digit by digit with a leading zero, or where no number is as long."""
    if len(digits) > _LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return one_by_one(digits)
    return _in_words(int(digits))


def _in_words(n: int) -> str:
    for size, name in _SCALES:
        if n >= size:
            return f"{_in_words(n // size)} {name}" + (f" {_in_words(n % size)}" if n % size else "")
    if n >= 100:
        return f"{_ONES[n // 100]} hundred" + (f" {_in_words(n % 100)}" if n % 100 else "")
    if n >= 20:
        return _TENS[n // 10] + (f" {_ONES[n % 10]}" if n % 10 else "")
    return _ONES[n]


def one_by_one(digits: str) -> str:
    """`05` -> zero five; signs between the digits are left out."""
    return " ".join(_ONES[int(digit)] for digit in digits if digit.isdecimal())


def ordinal(digits: str) -> str:
    """`21` -> twenty first."""
    head, _, last = cardinal(digits).rpartition(" ")
    last = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last.rstrip('t')}th")
    return f"{head} {last}".strip()


def plural(words: str) -> str:
    """`ninety` -> nineties: the last word in the plural."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith(("x", "s", "f")) and not words.endswith("half") else f"{words}s"


def pair(digits: str) -> str:
    """Two digits of a year or of a clock: `05` is oh five, `00` is hundred."""
    if digits == "00":
        return "hundred"
    return f"oh {_ONES[int(digits[1])]}" if digits[0] == "0" else cardinal(digits)


def in_pairs(digits: str) -> str:
    """A number that names something, as houses, rooms and flights are read: `305` is three oh five."""
    if len(digits) not in (3, 4) or digits[0] == "0" or digits[-3:] == "000":
        return cardinal(digits)
    return f"{cardinal(digits[:-2])} {pair(digits[-2:])}"


def is_year(digits: str) -> bool:
    """Whether four digits are read as a year is: nineteen five is, two thousand five is not."""
    return len(digits) == 4 and digits.isdecimal() and (1010 <= int(digits) < 2000 or 2010 <= int(digits) < 2100)


def year(digits: str) -> str:
    """`1066` -> ten sixty six, `2008` -> two thousand eight, `45` -> forty five, `05` -> oh five."""
    if len(digits) == 4 and 1000 < int(digits) < 2100 and not 2000 <= int(digits) < 2010:
        return in_pairs(digits)
    return pair(digits) if len(digits) == 2 else cardinal(digits)


def amount(text: str) -> str:
    """A number that `AMOUNT` matches, in words."""
    if "/" in text:
        whole, _, part = re.sub(r"\s?/\s?", "/", text).rpartition(" ")
        numerator, denominator = part.split("/")
        if not whole:
            return fraction(numerator, denominator)
        spoken = fraction(numerator, denominator)
        return f"{cardinal(whole)} and {'a half' if spoken == 'one half' else spoken}"
    whole, _, decimals = text.replace(",", "").partition(".")
    spoken = cardinal(whole) if whole else ""
    return f"{spoken} point {one_by_one(decimals)}".strip() if decimals else spoken


def fraction(numerator: str, denominator: str) -> str:
    """`3/4` -> three quarters; where it is not part of a whole, two numbers: `24/7`."""
    n, d = int(numerator), int(denominator)
    if n > 99 and d > 1:
        return f"{in_pairs(numerator)} over {in_pairs(denominator)}"  # a blood pressure
    if n == d or d < 2 or (n > d > 10) or (n, d) in ((9, 11), (24, 7)):
        return f"{cardinal(numerator)} {cardinal(denominator)}"
    name = {2: "half", 4: "quarter"}.get(d) or ordinal(denominator).removeprefix("one ")
    if n == 1:
        return f"one {name}"
    return f"{cardinal(numerator)} {'halves' if d == 2 else plural(name)}"


def is_one(text: str) -> bool:
    """Whether what is counted is in the singular: 1, and fractions below it."""
    return text == "1" or bool(re.fullmatch(r"\d+/\d+", text))


# Dates

_MONTHS = listed("january february march april may june july august september october november december")
_WEEKDAYS = listed("monday tuesday wednesday thursday friday saturday sunday")
_MONTH = (
    r"(?P<month>(?i:jan(?:uary)?|feb(?:ruary)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)|March|MARCH|Mar|May|MAY)\b\.?"
)
_SHORT_MONTH = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
_SHORT_DAY = "Mon|Tues|Tue|Weds|Wed|Thurs|Thur|Thu|Fri|Sat|Sun"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])"
_NTH = r"(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[12]\d{3})(?![\w/]|[.,:]\d)"
_NO_TIME = r"(?!\w|[:/.,]\d|\s?[ap]\.?m\b)"


def _named(names: Sequence[str], name: str) -> str:
    return next(full for full in names if full.startswith(name.lower()[:3]))


def _month_and_day(match: re.Match[str]) -> str:
    spoken = f" {_named(_MONTHS, match['month'])} {ordinal(match['day'].lstrip('0'))} "
    if match["until"]:
        spoken += f"to {ordinal(match['until'])} "
    return spoken + (f"{year(match['year'])} " if match["year"] else "")


def month_and_day(month: str, day: str) -> str:
    """`12`, `25` -> december twenty fifth."""
    return f" {_MONTHS[int(month) - 1]} {ordinal(str(int(day)))} "


def _day_and_month(match: re.Match[str]) -> str:
    spoken = f" the {ordinal(match['day'].lstrip('0'))} of {_named(_MONTHS, match['month'])} "
    return spoken + (f"{year(match['year'])} " if match["year"] else "")


def _numeric_date(match: re.Match[str]) -> str:
    """The month comes first where both numbers may be it, except between dots."""
    first, second = int(match["first"]), int(match["second"])
    day_first = first > 12 or (match["sign"] == "." and second <= 12)
    day, month = (first, second) if day_first else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    spoken_year = year(match["year"])
    if day_first:
        return f" the {ordinal(str(day))} of {_MONTHS[month - 1]} {spoken_year} "
    return f"{month_and_day(str(month), str(day))}{spoken_year} "


DATES: tuple[Rule, ...] = (
    rule(
        r"(?<![\w/.-])(?P<year>[12]\d{3})(?P<sign>[-/])(?P<first>0?[1-9]|1[0-2])(?P=sign)(?P<second>0?[1-9]|[12]\d|3[01])(?![\w/-])",
        _numeric_date,
    ),
    rule(
        r"(?<![\w/.-])(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>[12]\d{3}|\d\d)(?![\w/-]|\.\d)",
        _numeric_date,
    ),
    rule(rf"(?<![\d.,:/])(?:[Tt]he\s+)?\b{_DAY}{_NTH}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?(?!\s*\d)", _day_and_month),
    rule(rf"(?<![\d.,:/])\b{_DAY}{_NTH}\s+(?:of\s+)?(?P<month>may|march),?\s+{_YEAR}", _day_and_month),
    rule(
        rf"\b{_MONTH}(?:\s+|-){_DAY}{_NTH}(?:\s?[-–—]\s?(?P<until>[12]?\d|3[01]){_NTH})?{_NO_TIME}(?:(?:,?\s+|-){_YEAR})?",
        _month_and_day,
    ),
    rule(rf"\b{_MONTH},?\s+{_YEAR}", lambda m: f" {_named(_MONTHS, m['month'])} {year(m['year'])} "),
    rule(rf"\b({_SHORT_MONTH})\.", lambda m: f" {_named(_MONTHS, m[1])} "),
    rule(
        rf"\b(?P<first>{_SHORT_MONTH}|{_SHORT_DAY})\.?\s?[-–—]\s?(?=(?:{_SHORT_MONTH}|{_SHORT_DAY})\b)",
        lambda m: f" {_named((*_MONTHS, *_WEEKDAYS), m['first'])} to ",
    ),
    rule(
        rf"\b({_SHORT_DAY})(?:\.|(?=,\s(?:[A-Z]|\d)))",
        lambda m: f" {_named(_WEEKDAYS, m[1])} ",
    ),
    rule(r"(?<!\w)'(\d0)s\b", lambda m: f" {plural(cardinal(m[1]))} "),
    rule(r"(?<!\w)'(\d\d)(?![\w'])", lambda m: f" {pair(m[1])} "),
)


# Times of day

_HALF_DAY = r"(?P<half>[ap])\.?\s?m\b(?:\.(?!\s+[A-Z]))?"


def _clock(match: re.Match[str]) -> str:
    """`10:00` is ten o'clock, `10:05` ten oh five, `10:00 a.m.` ten a m."""
    hour, minute, second, half = (match[name] for name in ("hour", "minute", "second", "half"))
    spoken = f" {cardinal(str(int(hour)))} "
    if minute and minute != "00":
        spoken += f"{pair(minute)} "
    elif minute and not half:
        spoken += "o'clock " if 1 <= int(hour) <= 12 else "hundred "
    if second and second != "00":
        spoken += f"and {cardinal(str(int(second)))} second{'' if second == '01' else 's'} "
    return spoken + (f"{spelled(half.lower() + 'm')} " if half else "")


TIMES: tuple[Rule, ...] = (
    rule(
        rf"(?<![\d:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?!:?\d)(?i:\s?{_HALF_DAY})?",
        _clock,
    ),
    rule(
        rf"(?<![\d:.])(?P<hour>1[0-2]|0?[1-9])(?:\.(?P<minute>[0-5]\d)(?P<second>))?(?i:\s?{_HALF_DAY})",
        _clock,
    ),
    rule(rf"(?<![\w:.])({DECIMAL})\s?:\s?({DECIMAL})(?![:\d])", lambda m: f" {amount(m[1])} to {amount(m[2])} "),
)


# Telephone numbers, and other numbers that are read digit by digit

_CALLED = re.compile(r"\b(?:call|phone|tel|telephone|dial|text|fax|ring|number|reach|mobile|cell)\b\D{0,20}$", re.I)
_SHORT = "911|999|112|411|311|211|511|711|811|101|111"  # numbers of emergency and information services
_GAP = "[-. \u2011]"


def _by_groups(match: re.Match[str]) -> str:
    """Digit by digit with a pause between the groups; 1-800 as it is said."""
    groups = re.findall(r"\d+", match[0])
    spoken = [
        f"{cardinal(group[0])} hundred" if i == 1 and group in ("800", "900") else one_by_one(group)
        for i, group in enumerate(groups)
    ]
    return f" {'plus ' if match[0][0] == '+' else ''}{', '.join(spoken)} "


def _seven_digits(match: re.Match[str]) -> str:
    """`555-1234` is a telephone number; `500-1000` is a range where nobody is called."""
    is_range = match[1][-1] == "0" and match[2][-2:] == "00" and int(match[2]) > int(match[1])
    return match[0] if is_range and not _CALLED.search(before(match)) else _by_groups(match)


def _hyphenated(match: re.Match[str]) -> str:
    """`4-4-2` number by number, `123-45-6789` digit by digit."""
    groups = match[0].split("-")
    read = cardinal if all(len(group) < 3 for group in groups) else one_by_one
    return f" {', '.join(map(read, groups))} "


def _points(match: re.Match[str]) -> str:
    """Versions, and addresses of the internet."""
    parts = match[1].split(".")
    if len(parts) == 4 and not match[0].lower().startswith("v"):
        return f" {' dot '.join(map(one_by_one, parts))} "
    return f" {'version ' if match[0][0] in 'vV' else ''}{' point '.join(map(cardinal, parts))} "


TELEPHONES: tuple[Rule, ...] = (
    rule(rf"(?<![\w.])\+\d{{1,3}}(?:{_GAP}?\(?\d{{1,4}}\)?){{2,5}}(?!\w)", _by_groups),
    rule(rf"(?<![\w.-])(?:1{_GAP})?(?:\(\d{{3}}\)[\s-]?|\d{{3}}{_GAP})\d{{3}}{_GAP}\d{{4}}(?![\w-]|\.\d)", _by_groups),
    rule(r"(?<![\w.,-])\(?0\d{2,4}\)?[ -]\d{3,4}(?:[ -]?\d{3,4})?(?![\w-]|\.\d)", _by_groups),
    rule(r"(?<![\w.,-])(?<!\d )\d{4}(?:[ -]\d{4}){3}(?![\w-]| \d)", _by_groups),
    rule(r"(?<![\w.,$£€-])(\d{3})-(\d{4})(?![\w-]|[.,]\d)", _seven_digits),
    rule(r"(?<![\w.-])1-([89])(\d\d)-(?=[A-Z])", lambda m: f" one {in_pairs(m[1] + m[2])} "),
    rule(r"(?<![\w.,-])\d+(?:-\d+){2,}(?![\w-])", _hyphenated),
    rule(
        rf"(?i:\b(call|dial|phone|ring)(ed|ing|s)?:?\s)((?:{_SHORT})(?!\s[a-z]|[\d,]|\.\d)|\d{{5,}})\b",
        lambda m: f"{m[1]}{m[2] or ''} {one_by_one(m[3])} ",
    ),
    rule(
        r"\b((?:PIN|pin|code|extension|ext\.|Ext\.|ending\sin)(?:\s(?:code|number))?(?:\sis)?:?\s)(\d{3,})\b",
        lambda m: f"{m[1]}{one_by_one(m[2])} ",
    ),
    rule(r"(?<![\w.,])[vV](?:ersion)?\.?\s?(\d+(?:\.\d+)+)(?![\w-])", _points),
    rule(r"(?<![\w.,])(\d+(?:\.\d+){2,})(?![\w-])", _points),
    rule(r"(?<![\w.,])\d{1,3}(?:[ \u202f\u2009]\d{3}){2,}(?![\w,]|\s\d)", lambda m: re.sub(r"\s", "", m[0])),
)


# Ranges, and hyphens before a number

RANGES: tuple[Rule, ...] = (
    rule(r"(?<=\d)\s?[-–−]\s?(?=\d[\d.,]*\s?=)", lambda m: " minus "),
    rule(r"(?<=\ds)[-–—](?='?\d)", lambda m: " to "),
    rule(r"(?<=\d)(?:\s[-–—]\s|[-–—])(?=[$£€]?\d)", lambda m: " to "),
    rule(r"(?i:(?<=\d[ap]m)|(?<=\d\s[ap]m)|(?<=[ap]\.m\.))\s?[-–—]\s?(?=\d)", lambda m: " to "),
    rule(r"(?<=[%°$£€¢])[-–—](?=\d)|(?<=°[CF])[-–—](?=\d)", lambda m: " to "),
    rule(r"(?<=[A-Za-z])-(?=\d)", lambda m: " "),
)


# Numbers by themselves

_NUMBER = (
    rf"(?P<minus>(?<![\w.,)])[-−](?=\.?\d))?(?P<number>{PLAIN}(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?P<suffix>(?:[Ss][Tt]|[Nn][Dd]|[Rr][Dd]|[Tt][Hh]|'?s|bn|mn|tn|M)\b)?"
)


_BILLIONS = {"M": "million", "mn": "million", "bn": "billion", "tn": "trillion"}


def _number(match: re.Match[str]) -> str:
    number, suffix = match["number"], match["suffix"] or ""
    digits = number.replace(",", "")
    if suffix in _BILLIONS:
        spoken = f"{amount(number)} {_BILLIONS[suffix]}"
    elif suffix.lower() in ("st", "nd", "rd", "th") and digits.isdecimal():
        spoken = ordinal(digits)
    elif digits == number and is_year(digits):
        spoken = year(digits)
    else:
        spoken = amount(number)
    if suffix.lower() in ("s", "'s"):
        spoken = plural(in_pairs(digits) if len(digits) == 3 else spoken)
    return f" {'minus ' if match['minus'] else ''}{spoken} "


NUMBERS: tuple[Rule, ...] = (rule(_NUMBER, _number),)
