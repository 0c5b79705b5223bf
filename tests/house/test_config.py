"""The configuration: typed, closed, and its errors name the nearest valid key."""

from __future__ import annotations

import re

import pytest
import yaml
from pydantic import ValidationError

from dubber import assets, config
from dubber.errors import ConfigError
from dubber.experiment import Experiment, ablations, run_of, students
from dubber.metrics.settings import SyncSettings, WerSettings, needs_sync_encoders, scoring_memory
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
    names = ablations()
    assert names[0] == "full"
    assert settings.ablated("full") == settings.of_run("full") == settings.of_run("stage1") == settings
    for name in names[1:]:
        changed = settings.of_run(name)
        assert changed.parts != settings.parts, f"{name} changes no part"
        assert changed.stage2 == settings.stage2


def test_an_unknown_ablation_is_named():
    with pytest.raises(ConfigError, match="did you mean 'no_fapro'"):
        config.read().experiment("demo", "no_fappro")


def test_merging_is_key_by_key_and_lists_are_replaced():
    assert config.merge({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": 3}, "l": [4]}) == {
        "a": {"b": 3, "c": 2},
        "l": [4],
    }


def test_an_unknown_experiment_is_named():
    with pytest.raises(ConfigError, match="did you mean 'demo'"):
        config.read().experiment("dmeo")


def test_an_ablation_with_a_wrong_key_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text("parts: {ctcc: false}")
    with pytest.raises(ConfigError, match=r"(?s)did you mean 'ctc'.*mine\.yaml"):
        demo().ablated("mine", tmp_path)


def demo(**changes) -> Experiment:
    return config.read({"experiments": {"demo": changes}}).experiment("demo")


def test_a_change_validates_and_keeps_the_rest():
    before = demo()
    after = before.changed({"stage2": {"lr": 0.5}, "nfe": [4]})
    assert (after.stage2.lr, after.nfe) == (0.5, (4,))
    assert after.changed({"stage2": {"lr": before.stage2.lr}, "nfe": before.nfe}) == before
    assert after.stage1 is before.stage1
    for wrong in ({"stage2": {"lr": -1}}, {"stage2": {"rate": 1}}, {"stagee": {}}):
        with pytest.raises(ValidationError):
            before.changed(wrong)


@pytest.mark.parametrize(("run", "has_one"), [("full", True), ("no_pretraining", False), ("stage1", False)])
def test_a_student_has_a_teacher_unless_it_starts_from_nothing(run, has_one):
    assert demo().of_run(run).has_teacher(run) == has_one


def test_another_seed_changes_stage_2_and_the_sampling_alone():
    plain, seeded = demo(), demo().of_run("seed_7")
    assert (seeded.stage2.seed, seeded.synthesis.seed) == (7, 7)
    assert seeded.stage1 == plain.stage1
    seeds = {"stage2": {"seed": plain.stage2.seed}, "synthesis": {"seed": plain.synthesis.seed}}
    assert seeded.changed(seeds) == plain


def test_table_3_has_the_rows_that_an_experiment_names():
    every = demo().layout("ablations").systems
    assert every[0] == "full" and len(every) > 5
    assert demo(ablations=["full", "no_fapro"]).layout("ablations").systems == ("full", "no_fapro")
    assert re.fullmatch(students(), "no_ctc"), "one row alone can still be made"


def test_the_main_table_has_the_bounds_the_full_system_its_seeds_and_the_others():
    one = demo(seeds=[1, 2], external={"theirs": {"folder": "there"}}, protocols=["2.0"])
    assert one.layout().systems == ("ground_truth", "codec", "full", "seed_1", "seed_2", "theirs")
    assert one.layout().protocols == one.layout("prosody").protocols == ("2.0",)
    assert one.layout().metrics == () != one.layout("prosody").metrics
    assert one.layout().trained == {"full": "full", "seed_1": "seed_1", "seed_2": "seed_2"}


def test_evaluations_and_controls_are_compared_in_one_protocol():
    one = demo(nfe=[1, 8], protocols=["1.0", "2.0"])
    assert one.layout("nfe").systems == ("nfe_1", "nfe_8")
    assert one.layout("nfe").protocols == one.layout("controls").protocols == ("1.0",)
    assert one.layout("nfe").trained == {"nfe_1": "full", "nfe_8": "full"}


@pytest.mark.parametrize(
    ("system", "run"),
    [
        *(("full", "full"), ("no_ctc", "no_ctc"), ("seed_3", "seed_3"), ("nfe_16", "full"), ("other_voice", "full")),
        *(("text_only", "stage1"), ("ground_truth", None), ("codec", None), ("shifted", None), ("theirs", None)),
    ],
)
def test_a_system_comes_from_a_run(system, run):
    assert run_of(system) == run


def test_a_system_is_sampled_as_its_run_or_with_its_evaluations():
    settings = config.read({"experiments": {"demo": {"seeds": [7]}}})
    plain = settings.synthesis("demo")
    assert settings.synthesis("demo", "other_voice") == settings.synthesis("demo", "text_only") == plain
    assert settings.synthesis("demo", "nfe_3") == plain.changed({"nfe": 3})
    assert settings.synthesis("demo", "seed_7") == plain.changed({"seed": 7})


def test_one_ablation_alone_is_a_table_of_one_row():
    assert demo().layout("no_ctc").systems == ("no_ctc",)
    assert demo().layout("no_ctc").trained == {"no_ctc": "no_ctc"}
    assert demo().cells("no_ctc") == [("no_ctc", protocol) for protocol in demo().protocols]


def test_the_student_is_as_wide_as_its_features_and_the_teacher_does_not_change():
    wide = {"face": {"backend": "import", "folder": "mine"}, "lip_features": 1024, "face_features": 40}
    narrow, wide = config.read(), config.read({"features": {"demo": wide}})
    assert narrow.run_settings("demo", "stage1") == wide.run_settings("demo", "stage1")
    sizes = [settings.run_settings("demo").model for settings in (narrow, wide)]
    assert [(size.lip_features, size.face_features) for size in sizes] == [(512, 256), (1024, 40)]


def test_the_example_of_the_features_page_is_a_configuration():
    page = (ROOT / "docs" / "reference" / "features.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    read = config.read(yaml.safe_load(example))
    assert (read.features["grid"].lip.backend, read.features["grid"].face.backend) == ("resnet18", "import")
    assert read.crops.backend == "fan"
    for group in " ".join(re.findall(r"dubber fetch ([\w ]+)", page)).split():
        assert assets.group(group)


def test_files_of_the_user_are_merged_and_one_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text("data_root: elsewhere")
    assert config.read_files(tmp_path / "mine.yaml").data_root == "elsewhere"
    with pytest.raises(ConfigError, match=r"cannot be read.*\n.*nowhere\.yaml"):
        config.read_files(tmp_path / "nowhere.yaml")


def test_a_report_scores_each_system_and_protocol_once():
    one = demo(controls=True, protocols=["1.0", "2.0"])
    cells = one.cells(*one.tables())
    assert len(cells) == len(set(cells))
    assert ("full", "2.0") in cells and ("shifted", "1.0") in cells and ("shifted", "2.0") not in cells
    assert ("shifted", "1.0") not in demo(controls=False).cells(*demo(controls=False).tables())


def test_a_report_shows_all_settings_but_the_pace_of_training():
    changed = demo().changed({"stage2": {"checkpoint_every": 3, "device": "cpu"}})
    assert changed.reported() == demo().reported()
    assert demo().changed({"stage2": {"lr": 0.5}}).reported() != demo().reported()


def test_scoring_takes_more_memory_for_each_published_network():
    plain = demo().metrics
    whisper = WerSettings(backend="whisper")
    assert scoring_memory([*plain, whisper]) == scoring_memory(plain) + 7000


def test_encoders_are_fitted_for_the_embedded_sync_metrics_alone():
    assert needs_sync_encoders([SyncSettings()])
    assert not needs_sync_encoders([SyncSettings(backend="syncnet"), WerSettings()])


def test_corpora_that_only_pretrain_are_known():
    settings = config.read()
    assert "libritts" in settings.only_pretraining()
    assert not settings.only_pretraining() & {"demo", "grid", "chem"}
