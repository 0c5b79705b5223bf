from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from dubber.errors import MissingDataError
from dubber.text import homographs
from dubber.text.phonemes import phonemise

SENTENCES = list(csv.DictReader((Path(__file__).parent / "data" / "homographs.csv").open(encoding="utf-8")))
MISREAD = {"we saw them live at the arena"}


def test_homographs_are_told_apart_by_the_sentence():
    wrong = set()
    for row in SENTENCES:
        spoken = phonemise(row["sentence"])
        if " ".join(spoken.phones[spoken.words.index(row["word"])]) != row["phones"]:
            wrong.add(row["sentence"])
    assert wrong <= MISREAD


def test_every_homograph_of_the_table_has_two_pronunciations_in_the_alphabet():
    for word, entries in homographs._homographs().items():
        assert all(homographs._phones(word, entry) for entry in entries), word


def test_contractions_and_pauses_do_not_shift_the_tags():
    spoken = phonemise("Don't, well, don't record it. It's the record, isn't it?")
    places = [i for i, word in enumerate(spoken.words) if word == "record"]
    assert [" ".join(spoken.phones[i]) for i in places] == ["R IH K AO R D", "R EH K ER D"]


def test_a_text_without_homographs_needs_no_tagger():
    code = "import sys; from dubber.text.phonemes import phonemise; phonemise('bin blue')"
    code += "; sys.exit('pycrfsuite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_tagger_says_what_to_install(monkeypatch):
    homographs._tagger.cache_clear()
    monkeypatch.setattr(homographs, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match="pip install gruut-lang-en"):
        phonemise("I read it")
    homographs._tagger.cache_clear()
