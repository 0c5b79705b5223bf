from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubber.align.phones import Interval
from dubber.align.textgrid import parse_textgrid, read_textgrid
from dubber.errors import DubberError

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5 ! seconds
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.5
            text = "say ""né"""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.25
            mark = "two
lines"
'''
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"words"
0
1.5
2
0
0.5
""
0.5
1.5
"say ""né"""
"TextTier" "clicks" 0 1.5 1
0.25
"two
lines"
'''


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_form_reads_the_same(tmp_path, text, encoding, newline):
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.replace("\n", newline).encode(encoding))
    words, clicks = read_textgrid(path)
    assert (words.name, words.kind) == ("words", "IntervalTier")
    assert words.intervals == (Interval("", 0, 0.5), Interval('say "né"', 0.5, 1.5))
    assert clicks.intervals == (Interval(f"two{newline}lines", 0.25, 0.25),)


def test_big_endian_utf16():
    assert parse_textgrid(b"\xfe\xff" + LONG.encode("utf-16-be"))[0].name == "words"


def test_a_file_without_tiers():
    assert parse_textgrid(b'"ooTextFile" "TextGrid" 0 1 <absent>') == ()


@pytest.mark.parametrize(
    ("broken", "line", "why"),
    [
        (LONG.replace('"TextGrid"', '"Pitch"'), 2, "TextGrid"),
        (LONG.replace("xmax = 0.5", "xmax = soon"), 18, "found string"),
        (LONG.replace("xmin = 0.5", "xmin = 2"), 21, "before it starts"),
        (LONG.replace("intervals: size = 2", "intervals: size = 3"), 24, "expected the start of an interval"),
        (LONG.replace("intervals: size = 2", "intervals: size = 1"), 20, "class"),
        (LONG.replace("intervals: size = 2", "intervals: size = -1"), 14, "is -1"),
        (LONG.replace("intervals: size = 2", "intervals: size = 1e99"), 24, "expected the start"),
        (LONG.replace("IntervalTier", "AudioTier"), 10, "AudioTier"),
        (LONG.replace('lines"', "lines"), 31, "not closed"),
        (LONG.replace("xmax = 1.5 !", "xmax = 1e999 !"), 5, "not finite"),
        (LONG + "7\n", 33, "expected the end"),
        ("", 1, "end of the file"),
    ],
)
def test_malformed_files_name_the_line(broken, line, why):
    with pytest.raises(DubberError, match=why) as error:
        parse_textgrid(broken.encode(), source="a.TextGrid")
    assert f"line {line}:" in str(error.value)
    assert f"a.TextGrid:{line}" in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DubberError, match="No such file"):
        read_textgrid(tmp_path / "absent")
    path = tmp_path / "a.TextGrid"
    path.write_bytes(LONG.encode("latin-1"))
    with pytest.raises(DubberError, match="utf-8"):
        read_textgrid(path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_parse_or_raise_our_error(data):
    with contextlib.suppress(DubberError):
        parse_textgrid(data)


@given(st.data())
def test_any_damage_parses_or_raises_our_error(data):
    text = data.draw(st.sampled_from([LONG, SHORT]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    patch = data.draw(st.text(alphabet='0123456789"<>[]=!e-. \n\0é', max_size=8))
    try:
        tiers = parse_textgrid((text[:start] + patch + text[end:]).encode())
    except DubberError:
        return
    assert all(interval.start <= interval.end for tier in tiers for interval in tier.intervals)
