"""A list of clips as people write it: with any separator, and errors that name the line, the column and the sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubber.corpus.clip import Clip
from dubber.corpus.listing import list_corpus
from dubber.corpus.settings import ColumnSettings, CorpusSettings, SplitSettings
from dubber.corpus.table import Table
from dubber.errors import DubberError

SETTINGS = CorpusSettings(reader="table", roots=("mine",))
HEADER = "clip,speaker,text,video\n"


def read(folder: Path, content: str | bytes, settings: CorpusSettings = SETTINGS) -> list[Clip]:
    (folder / "clips.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return list(Table().find(folder, {}, settings))


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(DubberError) as told:
        read(folder, content)
    return str(told.value)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_usual_separator(tmp_path, mark, end):
    lines = [["clip", "speaker", "text", "video"], ["a", "s1", '"one, two; three | four"', "v/a.mp4"]]
    (clip,) = read(tmp_path, end.join(mark.join(line) for line in lines) + end)
    assert clip == Clip("a", "s1", "one, two; three | four", video="v/a.mp4")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_in_which_tables_are_saved(tmp_path, encoding):
    assert read(tmp_path, f"{HEADER}a,s,café,a.mp4\n".encode(encoding))[0].text == "café"


def test_a_quoted_header_spaces_and_empty_lines(tmp_path):
    content = '"clip" , "speaker","text","video",\n\n a , s ,"say ""hi""", a.mp4 ,\n\n'
    assert read(tmp_path, content.replace('" ,', '",').replace(', "s', ',"s')) == [
        Clip("a", "s", 'say "hi"', video="a.mp4")
    ]


@pytest.mark.parametrize("path", ["./a.mpg", "a.mpg", ".//a.mpg", "././a.mpg"])
def test_a_path_may_say_where_it_begins(tmp_path, path):
    assert read(tmp_path, f"{HEADER}a,s,bin,{path}\n")[0].video == "a.mpg"


def test_a_quote_that_is_not_closed_swallows_nothing(tmp_path):
    told = refusal(tmp_path, f'{HEADER}a,s,bin,a.mp4\nb,s,"bin blue,b.mp4\nc,s,"now",c.mp4\n')
    assert "clips.csv, line 3" in told and "not CSV" in told and "double quote" in told


def test_a_text_with_a_separator_needs_quotes(tmp_path):
    told = refusal(tmp_path, f"{HEADER}a,s,bin, blue,a.mp4\n")
    assert "has 5 cells, and the header 4" in told and "line 2" in told and "commas" in told


@pytest.mark.parametrize(("line", "words"), [
    (",s,bin,a.mp4", "has no clip"), ("a,,bin,a.mp4", "has no speaker"),
    ("a$b,s,bin,a.mp4", r"holds '$'"), ("a,s's,bin,a.mp4", 'holds "\'"'), ("a,s,bin,v\\a.mp4", r"holds '\\'"),
    ("a/b,s,bin,a.mp4", "which only a path may"), ("a,s,bin,../a.mp4", "leaves the corpus folder"),
    ("a,s,bin,/a.mp4", "leaves the corpus folder"), ("-a,s,bin,a.mp4", "begins with '-'"),
    ("a\x07,s,bin,a.mp4", r"holds '\x07'"),
])  # fmt: skip
def test_what_is_wrong_with_a_name_is_said_with_its_line(tmp_path, line, words):
    told = refusal(tmp_path, f"{HEADER}ok,s,bin,ok.mp4\n{line}\n")
    assert words in told and "line 3, column " in told


def test_two_lines_for_one_clip_and_splits_that_do_not_exist(tmp_path):
    told = refusal(tmp_path, f"{HEADER}a,s,bin,a.mp4\nb,s,bin,b.mp4\na,s,bin,c.mp4\n")
    assert "have the name 'a'" in told and "line 4 and line 2" in told
    told = refusal(tmp_path, "clip,speaker,text,video,split\na,s,bin,a.mp4,dev\n")
    assert "into the split 'dev'" in told and "train, val, test" in told and "line 2, column split" in told


def test_columns_that_are_missing_or_there_twice(tmp_path):
    told = refusal(tmp_path, "id;speaker;text;video\na;s;bin;a.mp4\n")
    assert "lacks the columns clip; it has id, speaker, text, video" in told
    assert "it has clip speaker text video" in refusal(tmp_path, "clip speaker text video\n")
    assert "it has none" in refusal(tmp_path, "")
    assert "has the column text twice" in refusal(tmp_path, "clip,speaker,text,text,video\n")
    named = SETTINGS.model_copy(update={"columns": ColumnSettings(clip="id")})
    assert read(tmp_path, "id;speaker;text;video\na;s;bin;a.mp4\n", named)[0].clip == "a"


def test_what_is_no_text_says_so(tmp_path):
    assert "not in UTF-8" in refusal(tmp_path, HEADER.encode() + b"a,s,caf\xe9,a.mp4\n")
    with pytest.raises(DubberError, match="The list of clips is missing"):
        list(Table().find(tmp_path / "x", {}, SETTINGS))


def manifest(folder: Path, per_speaker: int, **split: object):
    lines = [f"c{s}_{n},s{s},bin,c{s}_{n}.mp4" for s in range(4) for n in range(per_speaker)]
    (folder / "clips.csv").write_text(HEADER + "\n".join(lines))
    for line in lines:
        (folder / line.rsplit(",", 1)[1]).write_bytes(line.encode())
    settings = SETTINGS.model_copy(update={"split": SplitSettings(**split)})
    return list_corpus(folder / "manifest.parquet", settings, folder, data_root=str(folder))


def test_a_corpus_without_a_test_clip_is_refused_before_anything_is_trained(tmp_path):
    """Planning asks for the shards with test clips."""
    with pytest.raises(DubberError, match=r"no test clip: 4 clips of 4 speakers") as told:
        list(manifest(tmp_path, 1).test_shards)
    assert "max_held_out_share" in told.value.hint and "column `split`" in told.value.hint
    assert manifest(tmp_path, 8).test_shards == ["0000"]
