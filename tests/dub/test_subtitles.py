from __future__ import annotations

import pytest

from dubber.dub.subtitles import read_text, spoken_part
from dubber.errors import DubberError


@pytest.mark.parametrize(
    ("caption", "spoken"),
    [
        ("JOHN: Where is it?", "Where is it?"),
        ("John: Where is it?", "Where is it?"),
        ("Dr. Smith: Where is it?", "Where is it?"),
        ("MAN #2: Run!", "Run!"),
        ("WOMAN ON PHONE: Hello?", "Hello?"),
        ("JOHN (V.O.): It was late.", "It was late."),
        ("MARY [whispering]: Come in.", "Come in."),
        ("- JOHN: Yes.\n- MARY: No.", "Yes. No."),
        (">> JOHN: Good evening.\n>> Good evening.", "Good evening. Good evening."),
        ("Come here. MARY: Why?", "Come here. Why?"),
        ("NARRATOR:\nLong ago", "Long ago"),
        ("O'BRIEN: Sir!", "Sir!"),
    ],
)
def test_speaker_labels_are_left_out(caption, spoken):
    assert spoken_part(caption) == spoken


@pytest.mark.parametrize(
    ("caption", "spoken"),
    [
        ("[door slams]", ""),
        ("[DOOR SLAMS] Who is it?", "Who is it?"),
        ("(laughs)", ""),
        ("(laughs nervously) I know.", "I know."),
        ("I know. (sighs)", "I know."),
        ("Well... (coughs) you see", "Well... you see"),
        ("(in French) Good day.", "Good day."),
        ("(EXPLOSION)\nRun!", "Run!"),
        ("*sighs* Fine.", "Fine."),
        ("[music playing\nin background] Hello", "Hello"),
        ("（笑） Yes", "Yes"),
        ("[JOHN] Hello", "Hello"),
    ],
)
def test_sound_descriptions_are_left_out(caption, spoken):
    assert spoken_part(caption) == spoken


@pytest.mark.parametrize(
    ("caption", "spoken"),
    [
        ("♪ ♪", ""),
        ("♪♫♪", ""),
        ("♪ upbeat music playing ♪", ""),
        ("♪ Happy birthday to you ♪", "Happy birthday to you"),
        ("# Happy birthday #", "Happy birthday"),
        ("<i>Now</i> {\\an8}then", "Now then"),
        ('<font color="#ff0000">Red</font>', "Red"),
        ("Tom &amp; Jerry&nbsp;&lt;3", "Tom & Jerry <3"),
        ("We are #1", "We are #1"),
    ],
)
def test_markup_and_music_signs_are_left_out(caption, spoken):
    assert spoken_part(caption) == spoken


@pytest.mark.parametrize(
    "caption",
    [
        "Remember: lock the door.",
        "WARNING: DO NOT ENTER",
        "The train leaves at 3:30.",
        "My brother (the doctor) called.",
        "It is *very* late.",
        "Here is the plan: we wait.",
        "A well-known man - a friend - came.",
        "No. 5 is alive",
    ],
)
def test_what_is_said_aloud_stays(caption):
    assert spoken_part(caption) == caption


def test_labels_and_descriptions_can_be_kept():
    caption = "JOHN: [whispers] <b>Come</b> ♪"
    assert spoken_part(caption, keep_descriptions=True) == "JOHN: [whispers] Come"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_a_text_is_read_in_its_encoding(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("Déjà vu,\r\nété".encode(encoding))
    assert read_text(tmp_path / "a.txt") == "Déjà vu,\r\nété"


def test_typographic_signs_of_windows(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"It\x92s \x93now\x94\x85 \x80 5\x1a")
    assert read_text(tmp_path / "a.txt") == "It’s “now”… € 5"


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\x24\0\0\0WAVE", b"\0\0\0\x18ftypmp42", b"a\x01b"]
)
def test_what_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DubberError, match="not a text"):
        read_text(tmp_path / "a.txt")
