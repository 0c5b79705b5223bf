"""Prose reads with ease: short sentences in pages and docstrings, and none of the words that this house avoids."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from tests.conftest import ROOT

MOST_WORDS = 16  # of the mean sentence
PAGES = [ROOT / "README.md", ROOT / "config/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted((ROOT / "dubber").rglob("*.py"))
SETTINGS = [path for folder in ("config", "profiles", "envs") for path in sorted((ROOT / folder).rglob("*.yaml"))]
AVOIDED = re.compile(r"\b(anew|heeds?|stands|lies|goes on)\b", flags=re.IGNORECASE)
SECTIONS = re.compile(r"\n(?:Args|Returns|Raises|Yields|Attributes|Shapes):")
ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[A-Z`\"(\[*])|:\s+(?=[A-Z][a-z]+ [a-z])")


def paragraphs(text: str) -> Iterator[str]:
    """Running text of a page: no code, table, heading or picture; each item of a list alone."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        lines: list[str] = []
        for line in block.splitlines():
            if line.startswith(("|", "#", "    ", "<", "![", ">")):
                continue
            if ITEM.match(line) and lines:
                yield " ".join(lines)
                lines = []
            lines.append(ITEM.sub("", line).strip())
        yield " ".join(lines)


def lengths(text: str) -> list[int]:
    """Words of each sentence; code counts as one word, and what has under three words is no sentence."""
    found = []
    for paragraph in paragraphs(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "X", paragraph))
        for sentence in END.split(re.sub(r"\b(e\.g|i\.e|eq|Fig)\.", r"\1", plain)):
            if len(re.findall(r"[A-Za-z][\w'-]*", sentence)) >= 3:
                found.append(len(re.findall(r"[A-Za-z0-9][\w'.,/%-]*", sentence)))
    return found


def docstrings(path: Path) -> Iterator[str]:
    """What the docstrings of a file say before their sections."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
            yield SECTIONS.split(said)[0]


def test_a_sentence_is_counted_as_a_reader_would():
    page = "One two three four. Five `x y z` seven.\n\n| a | table |\n\n- An item of a list.\n- Another one here."
    assert lengths(page) == [4, 3, 5, 3]


def test_sentences_of_the_pages_are_short():
    found = {path: lengths(path.read_text()) for path in PAGES}
    longest = sorted(((mean(n), path.relative_to(ROOT)) for path, n in found.items() if n), reverse=True)[:5]
    assert mean(n for numbers in found.values() for n in numbers) <= MOST_WORDS, longest


def test_sentences_of_the_docstrings_are_short():
    assert mean(n for path in MODULES for said in docstrings(path) for n in lengths(said)) <= MOST_WORDS


def test_no_word_that_this_house_avoids():
    texts = {path: path.read_text() for path in (*PAGES, *MODULES, *SETTINGS)}
    found = [f"{path.relative_to(ROOT)}: {word}" for path, text in texts.items() for word in AVOIDED.findall(text)]
    assert not found
