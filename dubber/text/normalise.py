"""Text as it is spoken: the one normaliser, for pronunciation and for word error rates alike."""

from __future__ import annotations

import re
import unicodedata

from dubber.text.alphabet import LETTER_A
from dubber.text.numbers import spell_numbers

_FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"}
    | {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ß": "ss", "ø": "o", "Ø": "O"}
    | {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th"}
)
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at "}
_ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera",
}  # fmt: skip
_ABBREVIATION = re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\b\.?", re.IGNORECASE)
_LATIN = (
    (re.compile(r"\bi\.\s?e\.", re.IGNORECASE), "that is"),
    (re.compile(r"\be\.\s?g\.", re.IGNORECASE), "for example"),
)
_TOKEN = re.compile(
    r"(?P<initials>\b(?:[^\W\d_]\.){2,})|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)"
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
    not `Once Upon A Time`), an `a` with no word after it, or one of several initials (`a.m.`).
    """
    matches = [match for match in _TOKEN.finditer(_fold(text))]
    spoken: list[list[str]] = [[]]
    starts_sentence = True
    for i, match in enumerate(matches):
        if match.lastgroup in ("stop", "pause"):
            spoken.append([])
            starts_sentence = starts_sentence or match.lastgroup == "stop"
            continue
        if match.lastgroup == "initials":
            spoken[-1] += [LETTER_A if letter in "aA" else letter.lower() for letter in match[0].replace(".", "")]
        else:
            following = matches[i + 1] if i + 1 < len(matches) else None
            named = match[0] in ("a", "A") and _names_letter(match[0], following, starts_sentence)
            spoken[-1].append(LETTER_A if named else match[0].lower())
        starts_sentence = False
    return tuple(tuple(phrase) for phrase in spoken if phrase)


def _names_letter(word: str, following: re.Match[str] | None, starts_sentence: bool) -> bool:
    if following is None or following.lastgroup in ("stop", "pause"):
        return True
    return word == "A" and not starts_sentence and not following[0][0].isupper()


def _fold(text: str) -> str:
    """Compatibility forms, typographic signs, accents and numbers brought to plain letters."""
    text = unicodedata.normalize("NFKC", text.translate(_FOLDED))
    for pattern, spoken in _LATIN:
        text = pattern.sub(spoken, text)
    text = _ABBREVIATION.sub(lambda match: _ABBREVIATIONS[match[1].lower()], text)
    text = spell_numbers(text)
    for sign, spoken in _SIGNS.items():
        text = text.replace(sign, spoken)
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", bare)
