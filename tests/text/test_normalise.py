from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.text_normalisers import misread
from dubber.text.normalise import normalise, phrases


def test_every_case_of_the_style_guides_is_read_as_a_person_would():
    assert misread(normalise) == []


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Hello, World!", "hello world"),
        ("  two\n lines\t", "two lines"),
        ("It’s O'Neil’s 'dog'", "it's o'neil's dog"),
        ("naïve Café, Œuvre", "naive cafe oeuvre"),
        ("Mr. Smith, Dr. Jones etc.", "mister smith doctor jones et cetera"),
        ("i.e. this, e.g. that", "that is this for example that"),
        ("well-known - and -- so", "well known and so"),
        ("R&B at 5 p.m.", "r and b at five p m"),
        ("привет 你好", "привет 你好"),
        ("", ""),
        ("?!... -- ,", ""),
    ],
)
def test_words_are_written_as_they_are_spoken(written, spoken):
    assert normalise(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("7", "seven"),
        ("42", "forty two"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("007", "zero zero seven"),
        ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
        ("3.14", "three point one four"),
        ("-5", "minus five"),
        ("5-6", "five to six"),
        ("1st 2nd 3rd 21st 100th", "first second third twenty first one hundredth"),
        ("1995 1905 1900 2000 2005 2024", "nineteen ninety five nineteen oh five nineteen hundred two thousand "
         "two thousand five twenty twenty four"),
        ("1,995", "one thousand nine hundred ninety five"),
        ("the 1990s", "the nineteen nineties"),
        ("10:30 9:05 10:00", "ten thirty nine oh five ten o'clock"),
        ("50%", "fifty percent"),
        ("$1 $3.50 £2.05 $1.5", "one dollar three dollars fifty two pounds five one point five dollars"),
        ("mp3", "m p three"),
    ],
)  # fmt: skip
def test_digits_are_spelled(written, spoken):
    assert normalise(written) == spoken


def test_punctuation_parts_phrases_and_a_number_does_not():
    assert phrases("One, two; (three) 3.5 five-six. End") == (
        ("one",), ("two",), ("three",), ("three", "point", "five", "five", "six"), ("end",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("bin blue at A five now", True),
        ("bin blue at a five now", True),
        ("BIN BLUE AT A FIVE NOW", True),
        ("set white by a one again, please", True),
        ("she stayed at a two star hotel", False),
        ("A to Z", True),
        ("A is for apple", True),
        ("A dog. A cat", False),
        ("Once Upon A Time", False),
        ("THIS IS A TEST", False),
        ("Vitamin A, please", True),
        ("plan a", True),
        ("at 9 a.m. sharp", True),
    ],
)
def test_the_letter_a_is_told_from_the_article(text, letter):
    assert ("A" in [word for phrase in phrases(text) for word in phrase]) is letter


@given(st.text(max_size=80))
def test_any_text_normalises_to_words_with_single_spaces_and_no_digits(text):
    spoken = normalise(text)
    assert spoken == " ".join(spoken.split())
    assert not any(character in spoken for character in '0123456789.,;:?!"()%$')
    assert spoken == spoken.lower()


@given(st.text(alphabet="abcdefghij' 0123456789.,-$%", max_size=40))
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)
