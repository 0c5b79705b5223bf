"""`dubber doctor` tells what is here, and marks what is missing with the command that helps."""

from __future__ import annotations

import pytest

from dubber.cli import main
from dubber.commands import doctor
from tests.conftest import ROOT


def test_it_tells_what_works_here(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    main(["doctor"])
    told = capsys.readouterr().out
    assert "ok  torch: 2." in told and "ok  FFmpeg's libraries" in told and "models/grid_mini" in told
    assert "dubber fetch syncnet" in told or "ok  weights syncnet: fetched" in told


def test_outside_of_a_project_nothing_breaks(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    main(["doctor"])
    assert "--  models: none in models/ or runs/\n      make demo" in capsys.readouterr().out


def test_what_every_dub_needs_decides_the_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "ENCODERS", ("libx264", "none of the sort"))
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1 and "NO  FFmpeg's libraries: without none of the sort" in capsys.readouterr().out
