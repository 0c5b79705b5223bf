"""How many of the cases in tests/text/data/cases.csv each text normaliser reads as a person would.

    python -m benchmarks.text_normalisers ours
    pip install wetext && python -m benchmarks.text_normalisers wetext --show

Every normaliser but ours is installed by whoever compares; pynini, which NeMo needs, takes 165 MB.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from collections.abc import Callable
from pathlib import Path

CASES = Path(__file__).resolve().parents[1] / "tests/text/data/cases.csv"
_AFTER_NUMBERS = ("hundred", "thousand", "million", "billion", "dollars", "pounds")


def _ours() -> Callable[[str], str]:
    from dubber.text.normalise import normalise

    return normalise


def _nemo() -> Callable[[str], str]:
    from nemo_text_processing.text_normalization.normalize import Normalizer

    return Normalizer(input_case="cased", lang="en").normalize


def _wetext() -> Callable[[str], str]:
    from wetext import Normalizer

    return Normalizer(lang="en", operator="tn").normalize


def _damga() -> Callable[[str], str]:
    from damga import Normalizer

    return Normalizer(mode="tn", lang="en").normalize


def _spokenform() -> Callable[[str], str]:
    from spokenform import prepare_text

    return lambda text: prepare_text(text, language="en").text


def _voxnorm() -> Callable[[str], str]:
    from voxnorm import normalize

    return lambda text: normalize(text, "en")


def _gruut() -> Callable[[str], str]:
    from gruut import sentences

    return lambda text: " ".join(
        word.text for sentence in sentences(text, lang="en-us", phonemes=False) for word in sentence if word.is_spoken
    )


NORMALISERS = {
    "ours": _ours,
    "nemo": _nemo,
    "wetext": _wetext,
    "damga": _damga,
    "spokenform": _spokenform,
    "voxnorm": _voxnorm,
    "gruut": _gruut,
}


def plain(text: str) -> str:
    """Lower-case words; hyphens, punctuation, British spellings and the British `and` in numbers are no mistakes."""
    text = re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("’", "'").replace("-", " "))
    words = text.split()
    kept = [
        word for before, word in zip(["", *words], words, strict=False) if word != "and" or before not in _AFTER_NUMBERS
    ]
    return " ".join(kept).replace("metre", "meter").replace("litre", "liter").replace("mrs", "missus")


def misread(normalise: Callable[[str], str]) -> list[tuple[str, str, str]]:
    """What was written, what was read, and what would have been right (one of several, with | between)."""
    wrong = []
    for case in csv.DictReader(CASES.open(encoding="utf-8")):
        try:
            read = normalise(case["written"])
        except Exception as error:  # a normaliser that fails on a text has misread it
            read = f"{type(error).__name__}: {error}"
        if plain(read) not in map(plain, case["spoken"].split("|")):
            wrong.append((case["written"], read, case["spoken"]))
    return wrong


def main() -> None:
    """Print the share of each normaliser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=NORMALISERS)
    parser.add_argument("--show", action="store_true", help="print what is misread")
    args = parser.parse_args()
    total = sum(1 for _ in csv.DictReader(CASES.open(encoding="utf-8")))
    for name in args.names:
        started = time.perf_counter()
        normalise = NORMALISERS[name]()
        normalise("ready")
        ready = time.perf_counter()
        wrong = misread(normalise)
        each = (time.perf_counter() - ready) / total
        print(
            f"{name}: {total - len(wrong)} of {total} = {1 - len(wrong) / total:.1%}; "
            f"start {ready - started:.2f} s, {1000 * each:.1f} ms a case"
        )
        for case in wrong if args.show else ():
            print("  ", *case, sep=" | ")


if __name__ == "__main__":
    main()
