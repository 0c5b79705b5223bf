"""The table of published files, and what a missing one says."""

from __future__ import annotations

import logging

import pytest

from dubber import assets, config
from dubber.errors import DubberError, MissingDataError
from dubber.media.settings import FeatureSettings
from dubber.metrics import settings as metrics

EVERY_METRIC = (
    metrics.WerSettings(backend="whisper"),
    metrics.SecsSettings(backend="dvector", wav2mel="downloads/dvector/wav2mel.pt"),
    metrics.DnsmosSettings(),
    metrics.DistillMosSettings(),
    metrics.UtmosSettings(),
    metrics.EmotionSettings(),
    metrics.SyncSettings(backend="syncnet"),
    metrics.AvSyncSettings(backend="avhubert"),
)


def test_the_table_that_ships_is_whole():
    table = assets.assets()
    assert len({asset.name for asset in table}) == len(table)
    assert all(asset.licence and asset.version and asset.sources for asset in table)
    for asset in table:
        assert asset.url.startswith("https://") or asset.sources[0] != asset.url, f"{asset.name} has no source"
        assert asset.sha256 or not asset.second, f"{asset.name}: only a checksum makes a second source the same file"
        assert not asset.sha256 or len(asset.sha256) == 64
    assert len(assets.group("grid")) == 34


def test_a_second_source_is_the_parts_of_a_file_in_packages():
    (model,) = assets.find("whisper_base_model")
    address, parts = model.sources
    assert str(address).endswith("/model.bin")
    assert [(part.index, part.version, part.member.rsplit("/")[-1]) for part in parts] == [
        ("pip", "1.0.0", "model.bin.part1"),
        ("pip", "1.0.0", "model.bin.part2"),
    ]


def test_an_unknown_group_names_the_nearest():
    with pytest.raises(DubberError, match="did you mean 'grid'"):
        assets.group("grd")


def test_files_that_are_there_are_returned(tmp_path):
    path = tmp_path / "syncnet_v2.model"
    path.touch()
    assert assets.require(assets.Needed((str(path),), "syncnet", "backend: embedded")) == [str(path)]


def test_a_missing_file_is_an_error_with_source_licence_and_command(tmp_path):
    path = str(tmp_path / "syncnet_v2.model")
    with pytest.raises(MissingDataError) as error:
        assets.require(assets.Needed((path,), "syncnet", "backend: embedded"))
    for said in (path, "www.robots.ox.ac.uk", "MIT", assets.fetch_command("syncnet"), "backend: embedded"):
        assert said in str(error.value)


def test_a_dry_run_only_warns_and_plans_with_what_is_there(tmp_path, caplog):
    here, missing = tmp_path / "2DFAN4", tmp_path / "s3fd"
    here.touch()
    with caplog.at_level(logging.WARNING):
        found = assets.require(assets.Needed((str(here), str(missing)), "fan", "crops.backend: haar"), dry_run=True)
    assert found == [str(here)]
    assert str(missing) in caplog.text and str(here) not in caplog.text


def test_a_file_that_was_replaced_has_another_stamp(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    before = assets.stamp([str(path)])
    assert assets.stamp([str(path)]) == before
    path.write_bytes(b"three")
    assert assets.stamp([str(path)]) != before


def test_every_published_file_of_the_configuration_is_in_the_table():
    settings = config.read({"crops": {"backend": "fan"}})
    entries = [settings.crops.needed, *metrics.needed(EVERY_METRIC)]
    entries += [entry.needed for entry in settings.codecs.values() if entry.backend == "facodec"]
    entries += [FeatureSettings.model_validate({"lip": {"backend": "resnet18"}}).needed]
    for needed in entries:
        files = {f"downloads/{needed.group}/{asset.file}" for asset in assets.group(needed.group)}
        assert set(needed.paths) <= files, needed
    assert len(entries) == len({needed.group for needed in entries}) == 10


def test_embedded_backends_need_no_published_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = config.read()
    assert settings.crops.needed is None
    assert all(entry.needed is None for entry in settings.features.values())
    assert metrics.needed(metrics.measured(settings.experiments["demo"].metrics)) == []
