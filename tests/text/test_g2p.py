from __future__ import annotations

import os
import subprocess
import sys

import pocketsphinx
import pytest

from dubber.errors import MissingDataError
from dubber.text import g2p

COLD_SECONDS = 0.3
TRIES = 3


def test_words_have_phones_without_stress():
    assert g2p.known("blue") == ("B", "L", "UW")
    assert g2p.known("it's") == ("IH", "T", "S")
    assert all(g2p.known(word) == () for word in ("zorblatt", "", "привет"))


def test_a_word_may_have_several_pronunciations():
    assert g2p.known("read", variant=1) == ("R", "EH", "D")
    assert g2p.known("read", variant=2) == ("R", "IY", "D")
    assert g2p.known("read", variant=3) == ()


def test_a_missing_dictionary_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(pocketsphinx, "get_model_path", lambda name: str(tmp_path / name))
    g2p._dictionary.cache_clear()
    with pytest.raises(MissingDataError, match="pip install pocketsphinx"):
        g2p.known("two")
    g2p._dictionary.cache_clear()


def test_the_first_text_of_a_process_is_pronounced_at_once():
    """In time of the processor: other work may hold it."""
    code = "from dubber.text.phonemes import phonemise; phonemise('bin blue at f two now')"
    took = []
    for _ in range(TRIES):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) < COLD_SECONDS
