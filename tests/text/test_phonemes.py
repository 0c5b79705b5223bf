from __future__ import annotations

import subprocess
import sys

import pytest

from dubber.errors import ClipError, DubberError
from dubber.text import g2p as network
from dubber.text import phonemes
from dubber.text.phonemes import PAD, SYMBOLS, VOCABULARY_SIZE, phonemise, pronounce, read_names, to_ids, to_symbols


def test_the_alphabet_leaves_zero_for_padding():
    assert PAD == 0
    assert len(set(SYMBOLS)) == len(SYMBOLS) == 42
    assert VOCABULARY_SIZE == 43
    assert sorted(to_ids(SYMBOLS)) == list(range(1, VOCABULARY_SIZE))
    assert to_symbols(to_ids(SYMBOLS)) == list(SYMBOLS)
    with pytest.raises(DubberError, match="XX"):
        to_ids(["XX"])


def test_silences_come_from_the_text_alone():
    spoken = phonemise("Set white, now.")
    assert spoken.words == ("set", "white", "now")
    assert spoken.phonemes == tuple(["sil", "S", "EH", "T", "W", "AY", "T", "sp", "N", "AW", "sil"])
    assert spoken.ids == to_ids(spoken.phonemes)
    assert phonemise("...Set white now?!").phonemes == tuple(["sil", "S", "EH", "T", "W", "AY", "T", "N", "AW", "sil"])


def test_every_grid_word_is_in_the_dictionary(monkeypatch):
    monkeypatch.setattr(phonemes, "predict", lambda word: pytest.fail(f"{word} was not found"))
    letters = "A b c d e f g h i j k l m n o p q r s t u v x y z"
    words = "bin lay place set blue green red white at by in with again now please soon"
    digits = "zero one two three four five six seven eight nine"
    pronounce.cache_clear()
    assert len(phonemise(f"say {letters} {words} {digits}").words) == 1 + 25 + 16 + 10


def test_the_letter_a_has_its_name():
    assert phonemise("at A five").phones[1] == ("EY",)
    assert phonemise("at a five now").phones[1] == ("EY",)
    assert phonemise("at a table").phones[1] == ("AH",)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("zorblatt's", "Z AO R B AH L T S"),  # made up, voiceless end
        ("subiaco's", "S UW B IY AA K OW Z"),
        ("bbc", "B IY B IY S IY"),
        ("shapeliness", "SH EY P AH L IH N Z"),
    ],
)
def test_unknown_words_are_pronounced(word, phones):
    assert pronounce(word) == tuple(phones.split())


@pytest.mark.parametrize("text", ["", " ... ", "привет мир", "hello 世界", "--"])
def test_what_cannot_be_spoken_is_a_failed_clip_with_its_reason(text):
    with pytest.raises(ClipError, match=r"cannot be pronounced|no word"):
        phonemise(text)


def test_the_network_agrees_with_the_package_it_comes_from(monkeypatch):
    import nltk

    monkeypatch.setattr(nltk.data, "find", lambda name: name)
    monkeypatch.setattr(nltk, "download", lambda name: pytest.fail("no download may be tried"))
    from g2p_en.g2p import G2p

    theirs = G2p.__new__(G2p)
    theirs.graphemes = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
    theirs.g2idx = {letter: i for i, letter in enumerate(theirs.graphemes)}
    theirs.idx2p = dict(enumerate(network._PHONES))
    theirs.load_variables()
    for word in ("activationist", "zorblatt", "sgib", "qwertyuiop", "diflowdubber", "x"):
        assert network.predict(word) == tuple(theirs.predict(word))


def test_a_missing_network_says_what_to_install(monkeypatch):
    network._network.cache_clear()
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    with pytest.raises(DubberError, match="pip install g2p_en"):
        network.predict("zorblatt")


def test_no_nltk_is_loaded():
    code = (
        "import sys; from dubber.text.phonemes import phonemise; phonemise('zorblatt'); sys.exit('nltk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_have_the_pronunciation_that_somebody_gave_them():
    names = read_names(
        [
            "# names",
            "",
            "Siobhan=SH AH0 V AO1 N",
            "GIF = JH-IH-F",
            "r2-d2  AA R T UW",
            ";;; no",
            "St. Ives=S N T AY V Z",
        ]
    )
    spoken = phonemise("Siobhan's gif of R2-D2, gifs, SIOBHAN in st. ives. A Siobhan", names)
    assert [" ".join(phones) for word, phones in zip(spoken.words, spoken.phones, strict=True) if word in names] == [
        "JH IH F", "AA R T UW", "SH AH V AO N", "S N T AY V Z", "SH AH V AO N",
    ]  # fmt: skip
    assert spoken.words[0] == "siobhan's" and spoken.phones[0] == tuple(["SH", "AH", "V", "AO", "N", "Z"])
    assert spoken.words[4] == "gifs"


def test_a_given_pronunciation_goes_before_the_dictionary_and_changes_nothing_else():
    assert phonemise("read two", read_names(["two=T AH"])).phones == (("R", "IY", "D"), ("T", "AH"))
    assert phonemise("read two").phones[1] == ("T", "UW")


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("Bob=B AX B", "'AX' is not a phoneme"),
        ("Bob=sil", "'SIL' is not"),
        ("Bob", "a word and its"),
        ("=B", "a word and its"),
    ],
)
def test_what_is_no_pronunciation_says_why(entry, what):
    with pytest.raises(DubberError, match=what) as told:
        read_names([entry])
    assert "AA AE AH" in (told.value.hint or "")
