"""The table of published files, and what a missing one says."""

from __future__ import annotations

import logging

import pytest

from dubber import assets
from dubber.errors import DubberError, MissingDataError


def test_the_table_that_ships_is_whole():
    table = assets.assets()
    assert len({asset.name for asset in table}) == len(table)
    assert all(asset.licence and asset.version and asset.url.startswith("https://") for asset in table)
    assert len(assets.group("grid")) == 34


def test_an_unknown_group_names_the_nearest():
    with pytest.raises(DubberError, match="did you mean 'grid'"):
        assets.group("grd")


def test_files_that_are_there_are_returned(tmp_path):
    path = tmp_path / "syncnet_v2.model"
    path.touch()
    assert assets.require([str(path)], "syncnet", "backend: embedded") == [str(path)]


def test_a_missing_file_is_an_error_with_source_licence_and_command(tmp_path):
    path = str(tmp_path / "syncnet_v2.model")
    with pytest.raises(MissingDataError) as error:
        assets.require([path], "syncnet", "backend: embedded")
    for said in (path, "www.robots.ox.ac.uk", "MIT", assets.fetch_command("syncnet"), "backend: embedded"):
        assert said in str(error.value)


def test_a_dry_run_only_warns_and_plans_with_what_is_there(tmp_path, caplog):
    here, missing = tmp_path / "2DFAN4", tmp_path / "s3fd"
    here.touch()
    with caplog.at_level(logging.WARNING):
        found = assets.require([str(here), str(missing)], "fan", "crops.backend: haar", dry_run=True)
    assert found == [str(here)]
    assert str(missing) in caplog.text and str(here) not in caplog.text
