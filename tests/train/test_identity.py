"""What makes two runs the same, and which teacher serves which student."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dubber import config
from dubber.errors import ConfigError
from dubber.model.settings import ObjectiveSettings
from dubber.train import run


def test_a_stage_heeds_only_its_own_part_of_the_objective():
    plain = ObjectiveSettings()
    both = [plain.of_stage(stage) for stage in ("stage1", "stage2")]
    assert both[0].keys() | both[1].keys() == ObjectiveSettings.model_fields.keys(), "no setting is forgotten"
    assert both[0].keys() & both[1].keys() == {"scheduler"}
    student = ObjectiveSettings(distillation="aligned", temperature=0.2, stage2={"distillation": 10.0})
    assert student.of_stage("stage1") == both[0] and student.of_stage("stage2") != both[1]
    teacher = ObjectiveSettings(prompt_share=0.5, stage1={"content": 2.0})
    assert teacher.of_stage("stage1") != both[0] and teacher.of_stage("stage2") == both[1]


def test_a_teacher_serves_students_of_any_features(monkeypatch):
    face = {"backend": "import", "folder": "mine"}
    settings = config.read({"features": {"demo": {"face": face, "lip_features": 1024, "face_features": 40}}})
    ours, theirs = settings.run_settings("demo"), settings.run_settings("demo", "stage1")
    teacher = SimpleNamespace(codec=theirs.codec, model=theirs.model, fingerprint="f")
    monkeypatch.setattr(run, "describe_model", lambda path: teacher)
    assert run._teacher_identity(Path("t"), ours) == {"teacher": "f"}
    teacher.model = theirs.model.model_copy(update={"width": 48})
    with pytest.raises(ConfigError, match=r"not of one kind: model\.width: 48 and 96"):
        run._teacher_identity(Path("t"), ours)
