"""What the workflow plans for each features backend: files, parameters, widths; and what a missing file says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from dubber import assets, config
from dubber.errors import ConfigError, MissingDataError
from dubber.media.settings import FAN_FILES
from dubber.model.settings import ObjectiveSettings
from dubber.plan import Plan
from dubber.train import run
from tests.conftest import ROOT


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A folder in which files can be laid, and the plan of a configuration in it."""

    def plan(features: dict, **other) -> Plan:
        settings = {"features": {"demo": features}, **other}
        made = Plan(config.read(settings), main=False)
        rows = [{"clip": "a"}, {"clip": "b"}]
        monkeypatch.setattr(made, "manifest", lambda corpus: SimpleNamespace(rows=lambda shard: rows))
        return made

    monkeypatch.chdir(tmp_path)
    return plan


def lay(path: str, content: str = "x") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)


IMPORTED = {"lip": {"backend": "import", "folder": "mine/lips"}, "face": {"backend": "import", "folder": "mine/faces"}}


def test_components_have_a_transform_and_nothing_else(at):
    plan = at({})
    assert plan.transform("demo") == ["work/features/demo/transform.safetensors"]
    assert plan.feature_files("demo") == plan.crop_files() == []
    assert plan.imported_digest("demo", "demo", "0000") == ""


def test_imported_features_need_no_transform_and_follow_their_files(at):
    plan = at(IMPORTED)
    assert plan.transform("demo") == []
    with pytest.raises(MissingDataError, match=r"(?s)imported features is not there.*mine/lips"):
        plan.imported_digest("demo", "demo", "0000")
    for name in ("lips/a", "faces/a", "faces/b"):
        lay(f"mine/{name}.npy")
    digests = [plan.imported_digest("demo", "demo", "0000")]
    for name in ("lips/b", "faces/b"):
        lay(f"mine/{name}.npy", "another")
        digests.append(plan.imported_digest("demo", "demo", "0000"))
    lay("mine/faces/stranger.npy")
    assert plan.imported_digest("demo", "demo", "0000") == digests[-1]
    assert len(set(digests)) == 3


def test_one_imported_stream_beside_components(at):
    plan = at({"face": IMPORTED["face"]})
    assert plan.transform("demo") == ["work/features/demo/transform.safetensors"]
    lay("mine/faces/a.npy")
    assert plan.imported_digest("demo", "demo", "0000")


def test_lip_reading_waits_for_its_weights(at):
    plan = at({"lip": {"backend": "resnet18"}, "face": IMPORTED["face"]})
    with pytest.raises(MissingDataError, match=r"(?s)group 'lipreading'.*snakemake --cores 1 downloads/lipreading\.f"):
        plan.feature_files("demo")
    plan.dry_run = True
    assert plan.feature_files("demo") == []
    lay("downloads/lipreading/lrw_resnet18_mstcn_video.pth")
    assert plan.feature_files("demo") == ["downloads/lipreading/lrw_resnet18_mstcn_video.pth"]


def test_fan_waits_for_both_of_its_files(at):
    plan = at({}, crops={"backend": "fan", "fan_weights": "w"})
    lay(f"w/{FAN_FILES[0]}")
    with pytest.raises(MissingDataError, match=r"(?s)group 'fan'.*w/s3fd.*downloads/fan\.fetched"):
        plan.crop_files()
    lay(f"w/{FAN_FILES[1]}")
    assert plan.crop_files() == [f"w/{name}" for name in FAN_FILES]


def test_the_student_is_as_wide_as_its_features_and_the_teacher_does_not_change(at):
    narrow, wide = at({}), at({**IMPORTED, "lip_features": 1024, "face_features": 40})
    assert narrow.config.run_settings("demo", "stage1") == wide.config.run_settings("demo", "stage1")
    sizes = [plan.config.run_settings("demo").model for plan in (narrow, wide)]
    widths = [(size.lip_features, size.face_features) for size in sizes]
    assert widths == [(512, 256), (1024, 40)]


def test_a_stage_heeds_only_its_own_part_of_the_objective():
    plain = ObjectiveSettings()
    both = [plain.of_stage(stage) for stage in ("stage1", "stage2")]
    assert both[0].keys() | both[1].keys() == ObjectiveSettings.model_fields.keys(), "no protocol is forgotten"
    assert both[0].keys() & both[1].keys() == {"scheduler"}
    student = ObjectiveSettings(distillation="aligned", temperature=0.2, stage2={"distillation": 10.0})
    assert student.of_stage("stage1") == both[0] and student.of_stage("stage2") != both[1]
    teacher = ObjectiveSettings(prompt_share=0.5, stage1={"content": 2.0})
    assert teacher.of_stage("stage1") != both[0] and teacher.of_stage("stage2") == both[1]


def test_a_teacher_serves_students_of_any_features(at, monkeypatch):
    plan = at({**IMPORTED, "lip_features": 1024, "face_features": 40})
    ours, theirs = plan.config.run_settings("demo"), plan.config.run_settings("demo", "stage1")
    teacher = SimpleNamespace(codec=theirs.codec, model=theirs.model, fingerprint="f")
    monkeypatch.setattr(run, "describe_model", lambda path: teacher)
    assert run._teacher_identity(Path("t"), ours) == {"teacher": "f"}
    teacher.model = theirs.model.model_copy(update={"width": 48})
    with pytest.raises(ConfigError, match=r"not of one kind: model\.width: 48 and 96"):
        run._teacher_identity(Path("t"), ours)


def test_the_pages_example_is_a_configuration():
    page = (ROOT / "docs" / "reference" / "features.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    read = config.read(yaml.safe_load(example))
    assert (read.features["grid"].lip.backend, read.features["grid"].face.backend) == ("resnet18", "import")
    assert read.crops.backend == "fan"
    for group in re.findall(r"downloads/(\w+)\.fetched", page):
        assert assets.group(group)
