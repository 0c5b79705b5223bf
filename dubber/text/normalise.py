"""Text as it is spoken: the one normaliser, for pronunciation and for word error rates alike.

Tables of rules replace what is written by what is said: `numbers`, `measures`, `words` and, here, addresses of the
internet. What is left are letters and punctuation, from which the words and pauses are taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from dubber.text.alphabet import LETTER_A
from dubber.text.measures import MEASURES, MONEY, SIGNS
from dubber.text.numbers import (
    DATES,
    NAMED,
    NUMBERS,
    RANGES,
    TELEPHONES,
    TIMES,
    Rule,
    apply,
    either,
    listed,
    one_by_one,
    rule,
    spelled,
    table,
)
from dubber.text.words import ABBREVIATIONS, ACRONYMS, ALPHANUMERICS, PLACES, REFERENCES, ROMAN_NUMERALS

_TOKEN = re.compile(
    rf"(?P<named>[^\W\d_]{NAMED})|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)"
    r"|(?P<stop>[.?!…]+)|(?P<pause>[,;:()\[\]{}—–]|--+|(?<=\s)-(?=\s))"
)


def normalise(text: str) -> str:
    """Lower-case words with single spaces: no punctuation but inner apostrophes, no digits, no accents.

    Letters of other scripts are kept, so that a foreign hypothesis counts as wrong words, not as silence.
    """
    return " ".join(word for phrase in phrases(text) for word in phrase).lower()


def phrases(text: str) -> tuple[tuple[str, ...], ...]:
    """The normalised words between pauses (punctuation); phrases without a word are left out.

    Words are lower-case, except the name of the letter A: a lone capital `A` inside a sentence (`at A five`, but
    not `Once Upon A Time`), an `a` where no article can be, or one of several initials (`a.m.`).
    """
    return tuple(tuple(word.spoken for word in phrase) for phrase in worded(text))


class Word(NamedTuple):
    """A normalised word, and the same in the case that it was written in."""

    spoken: str
    written: str


def worded(text: str, names: Sequence[str] = ()) -> tuple[tuple[Word, ...], ...]:
    """`phrases`, with the case of the text beside it.

    Args:
        names: what is a word as it is written, in any case, whatever signs and digits it holds.
    """
    matches = list(_TOKEN.finditer(_spoken(_hidden(text, names))))
    found: list[list[Word]] = [[]]
    starts_sentence = True
    for i, match in enumerate(matches):
        if match.lastgroup in ("stop", "pause"):
            found.append([])
            starts_sentence = starts_sentence or match.lastgroup == "stop"
            continue
        word = match[0].removesuffix(NAMED)
        named = match.lastgroup == "named" or (word in ("a", "A") and _names_letter(matches, i, starts_sentence))
        word = _shown(word, names) if names else word
        found[-1].append(Word(LETTER_A if named and word in "aA" else word.lower(), word))
        starts_sentence = False
    return tuple(tuple(phrase) for phrase in found if phrase)


_STANDS_FOR_NAMES = range(0x10400, 0x10428)  # capitals of the Deseret alphabet, which nobody dubs
_STAND_IN = re.compile("[\U00010400-\U0001044f]{2}")


def _hidden(text: str, names: Sequence[str]) -> str:
    """The text with two letters of another alphabet for each name: rules do not touch them."""
    if not names:
        return text
    places = {name.lower(): _stand_in(i) for i, name in enumerate(names)}
    whole_words = re.compile(rf"(?<!\w)(?:{either(names)})(?!\w)", re.IGNORECASE)
    return whole_words.sub(lambda m: places.get(m[0].lower(), m[0]), text)


def _stand_in(i: int) -> str:
    return "".join(chr(_STANDS_FOR_NAMES[digit]) for digit in divmod(i, len(_STANDS_FOR_NAMES)))


def _shown(word: str, names: Sequence[str]) -> str:
    places = {_stand_in(i): name for i, name in enumerate(names)}
    return _STAND_IN.sub(lambda m: places.get(m[0].upper(), m[0]), word)


_NO_ARTICLE_BEFORE = frozenset(listed("is was and or to equals"))
_PLACES = frozenset(listed("at by in with row seat gate plan section"))
_DIGITS = frozenset(listed("zero one two three four five six seven eight nine"))
_ADVERBS = frozenset(listed("again now please soon"))


def _names_letter(matches: list[re.Match[str]], i: int, starts_sentence: bool) -> bool:
    """Whether the `a` at place `i` is the letter: `at a two now`, `A is for apple`, `plan a`."""
    before = matches[i - 1][0].lower() if i else ""
    after = [match[0] for match in matches[i + 1 : i + 3]]
    if not after or matches[i + 1].lastgroup in ("stop", "pause"):
        return True
    if after[0].lower() in _NO_ARTICLE_BEFORE or before == "an":
        return True
    if before in _PLACES and after[0].lower() in _DIGITS:
        return len(after) == 1 or after[1].lower() in _ADVERBS or matches[i + 2].lastgroup in ("stop", "pause")
    return matches[i][0] == "A" and not starts_sentence and not after[0][0].isupper()


# Letters and signs as they are written

_FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "º": "°", "™": " ", "®": " ", "©": " "}
    | {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss", "ø": "o", "Ø": "O"}
    | {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", NAMED: " "}
)
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")
_VULGAR = re.compile("[¼½¾⅐-⅞]")
_PLAIN_DIGITS = str.maketrans(_SUPERSCRIPTS + "⁄", "0123456789-+/")
_SPOKEN_SIGNS = table("&=and, %=percent, +=plus, ==equals, @=at, $=dollar, £=pound, €=euro")


def _spoken(text: str) -> str:
    """The text with everything in words, but still with its case and punctuation."""
    text = _RAISED.sub(lambda m: f"^{m[0].translate(_PLAIN_DIGITS)}", text.translate(_FOLDED))
    text = _VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[0]).translate(_PLAIN_DIGITS), text)
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
    bare = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    text = unicodedata.normalize("NFC", bare)
    text = apply((*WEB, *DATES), text.lower() if _is_shouted(text) else text)
    if any(character.isdecimal() or character == "°" for character in text):
        text = apply((*TELEPHONES, *RANGES, *TIMES, *REFERENCES, *PLACES, *MONEY, *MEASURES, *SIGNS), text)
    text = apply((*ROMAN_NUMERALS, *ABBREVIATIONS, *ALPHANUMERICS, *NUMBERS, *ACRONYMS), text)
    for sign, spoken in _SPOKEN_SIGNS.items():
        text = text.replace(sign, f" {spoken} ")
    return text


def _is_shouted(text: str) -> bool:
    """Whether a text in capitals is a sentence in capitals, not a name of capitals."""
    words = re.findall(r"[^\W\d_]{2,}", text)
    return text == text.upper() and len(words) > 1 and (len(words) > 2 or max(map(len, words)) > 4)


# Addresses of the internet

_WEB_SIGNS = table(
    ".=dot, /=slash, -=dash, _=underscore, @=at, :=colon, ?=question mark, ==equals, &=and, #=hash, ~=tilde"
)
_DOMAINS = "com|org|net|edu|gov|mil|io|ai|app|dev|info|biz|tv|co\\.uk|ac\\.uk|org\\.uk|uk|de|fr|eu|ca|au|nz|jp|ch|nl"
_FILES = "pdf|docx?|xlsx?|pptx?|txt|csv|jpe?g|png|gif|svg|mp[34]|wav|flac|zip|exe|html?|js|py|json|xml|srt|mkv|mov|avi"
_WORD_DOMAINS = frozenset(listed("co me to so it com org net edu gov mil info biz app dev"))


def _web(match: re.Match[str]) -> str:
    parts = re.findall(r"[^\W\d_]+|\d+|[^\w\s]|_", match[0])
    spoken = []
    for i, part in enumerate(parts):
        if part.isdecimal():
            spoken.append(one_by_one(part))
        elif part.lower() == "www" or (len(part) == 2 and parts[i - 1] == "." and part not in _WORD_DOMAINS):
            spoken.append(spelled(part.lower()))
        else:
            spoken.append(_WEB_SIGNS.get(part, part if part.isalpha() else " "))
    return f" {' '.join(spoken)} "


def _hashtag(match: re.Match[str]) -> str:
    return " hashtag " + re.sub(r"_|(?<=[a-z])(?=[A-Z0-9])", " ", match[1])


WEB: tuple[Rule, ...] = (
    rule(r"(?i:\b(?:https?|ftp|file)://|\bwww\.)[^\s<>\"]*[\w/]", _web),
    rule(r"(?<![\w.])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _web),
    rule(
        rf"(?i:(?<![\w.@-])[a-z0-9][\w-]*(?:\.[\w-]+)*\.(?:{_DOMAINS})(?:/[^\s<>\"]*[\w/]|\b(?![\w.-]*@)))(?!\.?\w)",
        _web,
    ),
    rule(rf"(?i:(?<![\w.@-])[\w-]+\.(?:{_FILES}))\b", _web),
    rule(r"(?<![\w&])@(?=[A-Za-z_])\w+", _web),
    rule(r"(?<![\w&])#([A-Za-z]\w*)", _hashtag),
    rule(r"(?<=\s)\.(?=[A-Z]{3}\b)", lambda m: "dot "),
)
