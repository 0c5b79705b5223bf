"""Words that are written alike and spoken differently, told apart by part of speech and by the words around them.

The tagger is gruut's: a conditional random field over each word's letters and its two neighbours on either side,
trained on English Web Treebank. Its tags are the Penn Treebank's.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dubber.errors import MissingDataError
from dubber.text.g2p import known

_CONTRACTED = re.compile(r"(.+?)(n't|'(?:s|ll|re|ve|d|m))$")
_NEIGHBOURS = 4  # words on either side that may show a noun's sense

# Word, the dictionary's variant (or phones) as a verb, and as anything else.
_TABLE = """
abuse 2 1, abuses 2 1, address 2 1, addresses 2 1, advocate 2 1, advocates 2 1, affiliate 1 2, affiliates 2 1,
aggregate 3 1, ally 2 1, allies 2 1, alternate 2 1, animate 2 1, appropriate 2 1, approximate 2 1, articulate 1 2,
associate 4 3, associates 4 3, attribute 2 1, attributes 2 1, close 2 1, combine 2 1, combines 1 K-AA-M-B-AY-N-Z,
compact 2 1, compound 2 1, compounds 2 1, compress 2 1, conduct K-AH-N-D-AH-K-T 1, conducts 1 K-AA-N-D-AH-K-T-S,
conflict 2 1, conflicts 1 2, console 2 1, construct 1 2, constructs 1 2, contest 2 1, contests 2 1, contract 2 1,
contracts 2 1, contrast 2 1, contrasts 2 1, converse 2 1, convert 2 1, converts 2 1, convict 2 1, convicts 2 1,
coordinate 2 1, coordinates 2 1, decrease 1 2, decreases 2 3, defect 2 1, defects 2 1, delegate 1 2, delegates 1 2,
deliberate 2 1, desert 2 1, deserts 2 1, diffuse 2 1, duplicate 2 1, elaborate 2 1, estimate 2 1, estimates 2 1,
excuse 2 1, excuses 2 1, extract 2 1, extracts 2 1, graduate 4 1, graduates 4 1, house HH-AW-Z 1, intimate 2 1,
houses HH-AW-Z-IH-Z 2, laminate 2 1, live 2 1, lives 1 2, misuse 1 2, moderate 2 1, mouth M-AW-DH 1, object 2 1,
objects 2 1, predicate 1 2, present 2 1, presents 2 1, produce 1 2, progress 2 1, project 2 1, projects 2 1,
protest 2 1, protests 3 1, rebel 2 1, rebels 2 1, record 3 2, records 3 2, refund 1 2, refuse 3 2, reject 1 2,
rejects 1 2, resume 1 3, resumes 1 3, separate 1 2, separates 1 2, subject 2 1, subjects 2 1, supplement 2 1,
use 2 1, uses 4 2, wind 1 2, winds 2 1, dove 2 1, sow 2 1, bow 1 2, bows 1 2, lead 2 2, tear 1 2, tears 1 2,
row 1 1, rows 1 1, bass 2 2, wound 1 2, read 2 1, misread 1 2, used 1 Y-UW-S-T, minute 2 1, content 2 1, contents 1 1,
invalid 3 1, learned 1 2, aged 1 2, polish 1 1
"""
_OF_HABIT = frozenset(("every", "always", "usually", "often", "never", "sometimes", "daily"))
_HAVING = frozenset(("have", "has", "had", "haven't", "hasn't", "hadn't", "i've", "you've", "we've", "they've"))
_PLURAL_SUBJECTS = frozenset(("i", "you", "we", "they"))
_BEING = frozenset(("am", "is", "are", "was", "were", "be", "been", "being", "very", "so", "too", "extremely"))

# Nouns with two senses: the second one's phones, and the words that show it.
_SENSES = {
    "lead": (
        "L-EH-D",
        "pipe pipes paint poisoning pencil metal metals zinc copper iron tin mine mines bullet bullets roof glass acid "
        "battery weight weights weighs heavy sheet of ounce toxic mercury gasoline petrol crystal solder",
    ),
    "tear": (
        "T-EH-R",
        "paper shirt fabric cloth muscle hole seam jeans sail ligament wear sleeve trousers dress net page curtain "
        "wall skirt coat tent knee meniscus pocket pants big",
    ),
    "tears": ("T-EH-R-Z", "fabric cloth muscle muscles paper holes wear sails ligaments seams"),
    "bow": (
        "B-AW",
        "took take takes taking ship ship's boat actors actor curtain low deep stern stage audience applause final "
        "deck prow",
    ),
    "bows": ("B-AW-Z", "took take takes taking ship ships boat actors stern"),
    "row": ("R-AW", "terrible argument angry quarrel blazing heated political furious neighbours about over"),
    "rows": ("R-AW-Z", "terrible arguments angry quarrels heated furious"),
    "bass": (
        "B-AE-S",
        "fish fishing caught catch lake river sea grilled fillet striped largemouth trout hook rod pond",
    ),
    "polish": (
        "P-OW-L-IH-SH",
        "language people government army border poland sausage warsaw president speak speaks born english german "
        "russian citizen zloty",
    ),
}
"""`of` shows the metal in `made of lead`; `in the lead` and `take the lead` have none."""


def readings(words: Sequence[str], pause_after: Sequence[bool]) -> dict[int, tuple[str, ...]]:
    """The phones of each homograph among the words of a text, in their case, by its place."""
    small = [word.lower() for word in words]
    places = [i for i, word in enumerate(small) if word in _homographs()]
    tags = _tags(words, pause_after) if places else []
    return {i: _reading(small, tags, i) for i in places}


@cache
def _homographs() -> dict[str, tuple[str, str]]:
    entries = (entry.split() for entry in _TABLE.split(","))
    return {word: (verb, other) for word, verb, other in entries}


def _phones(word: str, entry: str) -> tuple[str, ...]:
    return known(word, int(entry)) if entry.isdecimal() else tuple(entry.split("-"))


def _reading(words: list[str], tags: list[str], i: int) -> tuple[str, ...]:
    verb, other = _homographs()[words[i]]
    if _RULES.get(words[i], _is_verb)(words, tags, i):
        return _phones(words[i], verb)
    sense, signs = _SENSES.get(words[i], (other, ""))
    around = {*words[max(0, i - _NEIGHBOURS) : i], *words[i + 1 : i + 1 + _NEIGHBOURS]}
    if words[i] == "lead" and "of" in around and words[i - 1] != "of":
        around.discard("of")
    if words[i] == "lead" and tags[i] == "VBN":
        return _phones(words[i], sense)
    return _phones(words[i], sense if around.intersection(signs.split()) else other)


# What takes the first pronunciation of the table


def _is_verb(words: list[str], tags: list[str], i: int) -> bool:
    """By its tag; and where an order begins with it: `Wind the thread`."""
    is_order = i == 0 and len(tags) > 1 and tags[1] in ("DT", "PRP", "PRP$")
    return tags[i].startswith("V") or is_order


def _is_led(words: list[str], tags: list[str], i: int) -> bool:
    """`lead` as a verb; its past is written led, so that was lead is the metal."""
    return _is_verb(words, tags, i) and tags[i] != "VBN"


def _is_torn(words: list[str], tags: list[str], i: int) -> bool:
    return _is_verb(words, tags, i) or words[i + 1 : i + 2] in (["down"], ["up"], ["off"], ["apart"], ["away"])


def _is_present(words: list[str], tags: list[str], i: int) -> bool:
    """`read` of the present: not after he, she or it, nor after have; after I where a habit is named."""
    before = words[i - 1] if i else ""
    recent = words[max(0, i - _NEIGHBOURS) : i]
    if not _HAVING.isdisjoint(recent) and "to" not in recent:
        return False
    if tags[i] == "VBD":
        return before in _PLURAL_SUBJECTS and not _OF_HABIT.isdisjoint(words)
    return tags[i] != "VBN" and not (tags[i] == "VBP" and before in ("he", "she", "it"))


def _is_done(words: list[str], tags: list[str], i: int) -> bool:
    """`used`, but not of a habit: used to play, is used to it."""
    return (words[i + 1 : i + 2] != ["to"] and words[i + 1 : i + 2] != ("to",)) or (
        i > 0 and words[i - 1] in _BEING and tags[i + 2 : i + 3] == ["VB"]
    )


def _is_tiny(words: list[str], tags: list[str], i: int) -> bool:
    """`minute` as an adjective."""
    follows = tags[i + 1] if i + 1 < len(tags) else ""
    return tags[i] == "JJ" or (i > 0 and words[i - 1] in _BEING and not follows.startswith(("N", "CD")))


def _is_past(words: list[str], tags: list[str], i: int) -> bool:
    return tags[i] in ("VBD", "VBN")


def _is_no_noun(words: list[str], tags: list[str], i: int) -> bool:
    return not tags[i].startswith("N")


def _is_before_no_noun(words: list[str], tags: list[str], i: int) -> bool:
    """`learned` and `aged`, but not in a learned man, the aged."""
    follows = tags[i + 1] if i + 1 < len(tags) else ""
    return tags[i].startswith("V") or not follows.startswith("N")


_RULES: dict[str, Callable[[list[str], list[str], int], bool]] = {
    "read": _is_present,
    "lead": _is_led,
    "tear": _is_torn,
    "misread": _is_present,
    "used": _is_done,
    "minute": _is_tiny,
    "wound": _is_past,
    "content": _is_no_noun,
    "invalid": _is_no_noun,
    "learned": _is_before_no_noun,
    "aged": _is_before_no_noun,
}


# The tagger


def _tags(words: Sequence[str], pause_after: Sequence[bool]) -> list[str]:
    """A Penn Treebank tag for each word."""
    tokens: list[str] = []
    first: list[int] = []
    for word, pause in zip(words, pause_after, strict=True):
        first.append(len(tokens))
        parts = _CONTRACTED.match(word)
        tokens += parts.groups() if parts else ["I" if word == "i" else word]
        if pause:
            tokens.append(",")
    tags = _tagger().tag([_features([*tokens, "."], i) for i in range(len(tokens) + 1)])
    return [tags[i] for i in first]


def _features(tokens: Sequence[str], i: int) -> dict[str, Any]:
    """What the tagger was trained on, of a token and its neighbours."""
    features: dict[str, Any] = {"BOS": True} if i == 0 else {}
    if i == len(tokens) - 1:
        features["EOS"] = True
    for offset in range(-2, 3):
        if not 0 <= i + offset < len(tokens):
            continue
        token, prefix = tokens[i + offset], f"{offset:+d}:" if offset else ""
        features |= {
            f"{prefix}bias": 1.0,
            f"{prefix}word": base64.b64encode(token.encode()).decode(),
            f"{prefix}len(word)": len(token),
            f"{prefix}word.ispunctuation": token in string.punctuation,
            f"{prefix}word.isdigit()": token.isdigit(),
        }
        for n in (2, 3):
            features |= {f"{prefix}word[:{n}]": token[:n], f"{prefix}word[-{n}:]": token[-n:]}
    return features


@cache
def _tagger() -> Any:
    found = find_spec("gruut_lang_en")
    try:
        import pycrfsuite
    except ImportError:
        found = None
    if found is None or found.origin is None:
        raise MissingDataError(
            "The text holds a homograph, and the tagger that tells its readings apart is not installed.",
            looked_at="the Python packages gruut-lang-en and python-crfsuite",
            hint="Install them: pip install gruut-lang-en python-crfsuite",
        )
    tagger = pycrfsuite.Tagger()
    tagger.open(str(Path(found.origin).with_name("pos") / "model.crf"))
    return tagger
