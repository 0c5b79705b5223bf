"""One way for a setting of a training run: from `config.yaml`, through `RunSettings`, to the optimiser."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dubber import config
from dubber.errors import ConfigError
from dubber.train.optimiser import make_optimiser
from dubber.train.settings import ExecutionSettings, OptimiserSettings, RunSettings, StageSettings, TrainSettings

ROOT = Path(__file__).resolve().parents[2]


def test_a_stage_is_what_changes_the_weights_and_how_it_is_executed():
    train, execution = TrainSettings.model_fields.keys(), ExecutionSettings.model_fields.keys()
    assert not train & execution and StageSettings.model_fields.keys() == train | execution
    stage = StageSettings(steps=3, lr=0.5, log_every=7)
    assert {**stage.train().model_dump(), **stage.execution().model_dump()} == stage.model_dump()


@pytest.mark.parametrize("run", ["stage1", "full", "no_pretraining", "seed_3"])
def test_settings_of_a_run_survive_their_way_as_text(run):
    settings = config.read().run_settings("demo", run)
    again = RunSettings.from_json(settings.to_json())
    assert again.identity() == settings.identity() and again.to_json() == settings.to_json()
    assert again.train == settings.train and again.model == settings.model and again.parts == settings.parts


def test_execution_is_no_part_of_a_runs_identity():
    slower = config.read({"experiments": {"demo": {"stage2": {"device": "cpu", "log_every": 1, "processes": 2}}}})
    assert slower.run_settings("demo") == config.read().run_settings("demo")
    assert slower.experiment("demo").stage("full").execution().device == "cpu"


def test_text_that_holds_no_settings_is_refused():
    text = config.read().run_settings("demo").to_json()
    with pytest.raises(ConfigError, match=r"train: .*unknown key 'lrr': did you mean 'lr'"):
        RunSettings.from_json(text.replace('"lr":', '"lrr":'))
    with pytest.raises(ConfigError, match="only a student"):
        RunSettings.from_json(text.replace('"stage":"stage2"', '"stage":"stage1"'))


def test_a_setting_of_the_optimiser_is_named_in_its_class_and_in_the_configuration_alone():
    """`betas` goes from config.yaml to AdamW, and no file between them knows of it."""
    sources = [path for path in (ROOT / "dubber").rglob("*.py") if "betas" in path.read_text(encoding="utf-8")]
    rules = [*(ROOT / "rules").glob("*.smk"), *(ROOT / "workflow_scripts").glob("*.py")]
    assert [path.relative_to(ROOT).as_posix() for path in sources] == ["dubber/train/settings.py"]
    assert not [path for path in rules if "betas" in path.read_text(encoding="utf-8")]
    written = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    assert written["experiments"]["grid"]["stage1"]["betas"] == [0.9, 0.999]

    changed = config.read({"experiments": {"demo": {"stage1": {"betas": [0.5, 0.75], "weight_decay": 0.25}}}})
    settings = RunSettings.from_json(changed.run_settings("demo", "stage1").to_json())
    optimiser = make_optimiser(nn.Sequential(nn.Linear(3, 2)), settings.train)
    assert {group["betas"] for group in optimiser.param_groups} == {(0.5, 0.75)}
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.25, 0.0]


def test_every_setting_of_the_optimiser_is_an_argument_of_adamw():
    assert OptimiserSettings.model_fields.keys() <= torch.optim.AdamW([torch.zeros(1)]).defaults.keys()
    with pytest.raises(ValueError, match=r"betas must be in \[0, 1\)"):
        OptimiserSettings(betas=(0.9, 1.0))
