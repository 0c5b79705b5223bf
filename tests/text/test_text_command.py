"""`dubber text` and the options for names."""

from __future__ import annotations

import io
import sys

import pytest

from dubber.cli import main


def test_words_and_phonemes_are_printed_by_phrase(capsys):
    main(["text", "It cost $5, Dr. Who."])
    assert capsys.readouterr().out.splitlines() == [
        "it cost five dollars",
        "    IH T | K AA S T | F AY V | D AA L ER Z",
        "doctor who",
        "    D AA K T ER | HH UW",
    ]


def test_the_text_may_come_from_the_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("bin blue\n"))
    main(["text"])
    assert capsys.readouterr().out.splitlines()[0] == "bin blue"


def test_names_come_from_a_file_and_from_options_which_go_first(capsys, tmp_path):
    (tmp_path / "names.txt").write_bytes("# mine\nSiobhan=SH AH V AO N\nNguyen=N W IH N\n".encode("utf-16"))
    given = ["--pronunciations", str(tmp_path / "names.txt"), "--pronounce", "nguyen=W IH N"]
    main(["text", "Siobhan Nguyen", *given])
    assert capsys.readouterr().out.splitlines()[1] == "    SH AH V AO N | W IH N"


@pytest.mark.parametrize("options", [["x", "--pronounce", "x=QQ"], ["..."], ["x", "--pronunciations", "none.txt"]])
def test_a_mistake_is_one_message(capsys, options):
    with pytest.raises(SystemExit) as told:
        main(["text", *options])
    assert told.value.code == 1
    assert capsys.readouterr().err.startswith("dubber: ")
