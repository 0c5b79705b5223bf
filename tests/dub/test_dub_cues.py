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
    with pytest.raises(DubberError, match="Cue 1 ends before it begins"):
        read(tmp_path, "1\n00:00:02,000 --> 00:00:01,000\nbin")
    with pytest.raises(DubberError, match="cannot be read"):
        read_subtitles(tmp_path / "none.srt")


def test_cues_that_begin_together_are_one(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nbin blue\n\n2\n00:00:01,000 --> 00:00:03,000\nat F\n")
    (cue,) = read_subtitles(path)
    assert (cue.name, cue.text, cue.span) == ("cue 1", "bin blue at F", Span(1.0, 3.0))
