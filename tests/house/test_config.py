"""The configuration: typed, closed, and its errors name the nearest valid key."""

from __future__ import annotations

import pytest

from dubber import config
from dubber.errors import ConfigError
from tests.conftest import ROOT


def test_the_configuration_that_ships_is_valid():
    settings = config.read()
    assert {"demo", "grid_mini", "grid", "chem"} <= set(settings.experiments)
    assert settings.experiments["grid"].size == "paper"
    assert settings.experiments["chem"].codec == "facodec"


def test_the_schema_is_the_one_that_ships():
    assert (ROOT / "config/schema.json").read_text() == config.schema(), "run `python -m dubber.config --write-schema`"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"data_rot": "x"}, "did you mean 'data_root'"),
        ({"experiments": {"demo": {"stage1": {"stepz": 3}}}}, "did you mean 'steps'"),
        ({"experiments": {"demo": {"synthesis": {"nfe": 0}}}}, "experiments.demo.synthesis.nfe"),
        ({"experiments": {"demo": {"size": "tinny"}}}, "did you mean 'tiny'"),
        ({"experiments": {"demo": {"corpus": "demmo"}}}, "did you mean 'demo'"),
        ({"experiments": {"demo": {"stage1": {"epochs": 3}}}}, "exactly one of steps and epochs"),
        ({"codecs": {"world_demo": {"fit_on": ["nowhere"]}}}, "codecs.world_demo.fit_on"),
        ({"experiments": {"demo": {"metrics": [{"name": "werr"}]}}}, "wer"),
        ({"experiments": {"demo": {"ablations": ["full", "no_fabro"]}}}, "did you mean 'no_fapro'"),
    ],
)
def test_a_wrong_setting_is_named(override, said):
    with pytest.raises(ConfigError) as error:
        config.read(override)
    assert said in str(error.value)


def test_every_ablation_is_a_difference_from_the_experiment():
    settings = config.read().experiments["demo"]
    names = config.ablations()
    assert names[0] == "full"
    assert config.ablated(settings, "full") == settings
    for name in names[1:]:
        changed = config.ablated(settings, name)
        assert changed.parts != settings.parts, f"{name} changes no part"
        assert changed.stage2 == settings.stage2


def test_an_unknown_ablation_is_named():
    with pytest.raises(ConfigError, match="did you mean 'no_fapro'"):
        config.ablated(config.read().experiments["demo"], "no_fappro")


def test_merging_is_key_by_key_and_lists_are_replaced():
    assert config.merge({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": 3}, "l": [4]}) == {
        "a": {"b": 3, "c": 2},
        "l": [4],
    }
