"""Subtitles: what is said when."""

from __future__ import annotations

import pytest

from dubber.dub.cues import read_subtitles
from dubber.errors import DubberError
from dubber.media.video import Span

TWO = (
    "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Bin blue</i>\r\n{\\an8}at f\r\n\r\n"
    "2\r\n00:01:00.5 --> 00:01:02.75\r\nnow\r\n"
)


def read(tmp_path, content: str | bytes):
    path = tmp_path / "a.srt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(cue.text, cue.span.start, cue.span.end) for cue in read_subtitles(path)]


def test_times_texts_and_markup(tmp_path):
    assert read(tmp_path, TWO) == [("Bin blue at f", 1.0, 2.5), ("now", 60.5, 62.75)]


def test_byte_order_mark_missing_numbers_and_other_encodings(tmp_path):
    assert read(tmp_path, "\ufeff00:00:01,000 --> 00:00:02,000\nbin 2\n\n00:00:03,000 --> 00:00:04,000\nblue") == [
        ("bin 2", 1.0, 2.0),
        ("blue", 3.0, 4.0),
    ]
    assert read(tmp_path, "1\n00:00:01,000 --> 00:00:02,000\ncafé".encode("cp1252")) == [("café", 1.0, 2.0)]


def test_cues_are_in_order_and_do_not_overlap(tmp_path):
    text = "1\n00:00:03,000 --> 00:00:04,000\nlast\n\n2\n00:00:01,000 --> 00:00:03,200\nfirst\n"
    assert read(tmp_path, text) == [("first", 1.0, 3.0), ("last", 3.0, 4.0)]


def test_what_is_no_subtitle_says_why(tmp_path):
    with pytest.raises(DubberError, match="no cue"):
        read(tmp_path, "bin blue at f two now")
    with pytest.raises(DubberError, match="No cue of the subtitles can be spoken: 2 hold no words"):
        read(tmp_path, "1\n00:00:02,000 --> 00:00:01,000\nbin\n\n2\n00:00:03,000 --> 00:00:04,000\n♪♪\n")
    with pytest.raises(DubberError, match="cannot be read"):
        read_subtitles(tmp_path / "none.srt")


def test_cues_that_begin_together_are_one(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nbin blue\n\n2\n00:00:01,000 --> 00:00:03,000\nat F\n")
    (cue,) = read_subtitles(path)
    assert (cue.name, cue.text, cue.span) == ("cue 1", "bin blue at F", Span(1.0, 3.0))


def test_times_are_read_however_they_are_written(tmp_path):
    """Other arrows, without hours, without a fraction, after more than 99 hours."""
    text = (
        "1\n00:00:01,000 -> 00:00:01,500\nfirst\n2\n00:02.5 --> 00:03.25\nsecond\n\n"
        "3\n00:00:04 → 00:00:05\nthird\n4\n100:00:00,000 ==> 100:00:01,000 X1:40 X2:600\nfourth\n"
    )
    assert read(tmp_path, text) == [
        ("first", 1.0, 1.5),
        ("second", 2.5, 3.25),
        ("third", 4.0, 5.0),
        ("fourth", 360_000.0, 360_001.0),
    ]


def test_numbers_of_cues_are_not_spoken_and_numbers_of_speakers_are(tmp_path):
    first = "1\n00:00:01,000 --> 00:00:02,000\n"
    assert read(tmp_path, first + "bin\n2\n00:00:03,000 --> 00:00:04,000\nblue\n\n3") == [
        ("bin", 1.0, 2.0),
        ("blue", 3.0, 4.0),
    ]
    assert read(tmp_path, first + "3\n\n2\n00:00:03,000 --> 00:00:04,000\n2\n3\n") == [
        ("3", 1.0, 2.0),
        ("2 3", 3.0, 4.0),
    ]
    assert read(tmp_path, first + "\n2\n00:00:03,000 --> 00:00:04,000\nblue\n") == [("blue", 3.0, 4.0)]
    without = "00:00:01,000 --> 00:00:02,000\nseat\n12\n00:00:03,000 --> 00:00:04,000\nblue"
    assert read(tmp_path, without)[0] == ("seat 12", 1.0, 2.0)


def test_webvtt_without_its_notes_names_and_styles(tmp_path):
    text = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\nof two lines\n\n"
        "intro\n00:01.000 --> 00:02.500 align:start position:10%\n<v Mary>Bin <c.loud>blue</c> &amp; <00:01.5>red\n\n"
        "NOTE before the last\n\nlast one\n00:00:03.000 --> 00:00:04.000\n- now\n"
    )
    assert read(tmp_path, text) == [("Bin blue & red", 1.0, 2.5), ("now", 3.0, 4.0)]


def test_sbv_and_substation(tmp_path):
    assert read(tmp_path, "0:00:01.000,0:00:02.000\nbin, blue\n\n0:00:03.500,0:00:04.000\nnow\n") == [
        ("bin, blue", 1.0, 2.0),
        ("now", 3.5, 4.0),
    ]
    ass = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not said\n"
        "Dialogue: 0,0:00:03.00,0:00:04.50,Default,Mary,0,0,0,,{\\i1}at, f{\\i0}\\Ntwo\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,bin blue\n"
    )
    assert read(tmp_path, ass) == [("bin blue", 1.0, 2.0), ("at, f two", 3.0, 4.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(tmp_path, encoding):
    text = "1\n00:00:01,000 --> 00:00:02,000\nbin blue café\n"
    assert read(tmp_path, text.encode(encoding)) == [("bin blue café", 1.0, 2.0)]


def test_what_nobody_says_is_skipped_with_a_note(tmp_path, caplog):
    silent = ("", "[door slams]", "♪ ♪", "(laughs)\nJOHN:", "{\\an8}<i></i>", "...")
    blocks = [f"{i}\n00:00:0{i},000 --> 00:00:0{i},500\n{text}\n" for i, text in enumerate(silent, start=1)]
    zero = "7\n00:00:07,000 --> 00:00:07,000\nbin\n\n8\n00:00:09,000 --> 00:00:08,000\nred\n"
    spoken = "9\n00:00:09,000 --> 00:00:09,500\nJOHN: now\n"
    assert read(tmp_path, "\n".join([*blocks, zero, spoken])) == [("now", 9.0, 9.5)]
    assert [f"cue {i} is skipped" in caplog.text for i in range(1, 10)] == [True] * 8 + [False]


def test_descriptions_can_be_kept(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\n<i>JOHN: (whispers) now</i> ♪\n")
    assert [cue.text for cue in read_subtitles(path)] == ["now"]
    assert [cue.text for cue in read_subtitles(path, keep_descriptions=True)] == ["JOHN: (whispers) now"]
