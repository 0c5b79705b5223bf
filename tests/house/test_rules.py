"""What the rules ask the configuration: files of each backend, teachers, tables; no corpus is looked at."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import strip_wildcard_constraints

from dubber import config
from dubber.errors import ConfigError
from dubber.media.settings import FAN_FILES
from tests.helpers.workflow import asks, parsed, rules

IMPORTED = {"lip": {"backend": "import", "folder": "mine/lips"}, "face": {"backend": "import", "folder": "mine/faces"}}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder in which the rules look for files."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lay(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()


def transform(features: dict) -> list[str]:
    return parsed(json.dumps({"features": {"demo": features}})).globals["transform_of"]("demo")


def test_features_have_a_transform_where_a_stream_is_fitted():
    fitted = ["work/features/demo/transform.safetensors"]
    assert transform({}) == transform({"face": IMPORTED["face"]}) == fitted
    assert transform(IMPORTED) == []


def test_an_embedded_codec_is_a_file_that_a_rule_makes(here):
    (path,) = asks("codec_files", experiment="demo")
    assert path == "work/codecs/world_demo/codec.safetensors"


def test_published_weights_are_asked_for_while_planning(here):
    seen = {"lip": {"backend": "resnet18"}}
    overrides = {"crops": {"backend": "fan", "fan_weights": "w"}, "features": {"demo": seen}}
    asked = {"experiment": "demo", "run": "full"}
    for missing in ("lrw_resnet18_mstcn_video.pth", FAN_FILES[0], FAN_FILES[1]):
        with pytest.raises(SystemExit, match=rf"(?s)are missing.*{missing}.*dubber fetch \w+"):
            asks("video_weights", overrides, **asked)
        lay(f"downloads/lipreading/{missing}" if "lrw" in missing else f"w/{missing}")
    assert len(asks("video_weights", overrides, **asked)) == 3
    assert asks("video_weights", overrides, experiment="demo", run="stage1") == []


def test_metric_weights_are_asked_for_while_planning(here):
    metrics = [{"name": "wer"}, {"name": "utmos", "weights": "w/utmos.pt"}]
    overrides = {"experiments": {"demo": {"metrics": metrics}}}
    with pytest.raises(SystemExit, match=r"(?s)w/utmos\.pt.*dubber fetch utmos"):
        asks("metric_weights", overrides, experiment="demo")
    lay("w/utmos.pt")
    assert asks("metric_weights", overrides, experiment="demo") == ["w/utmos.pt"]
    stamps = {rule.name: rule for rule in parsed(json.dumps(overrides)).rules}["score"].params.stamps
    before = stamps(SimpleNamespace(experiment="demo"))
    Path("w/utmos.pt").write_text("another")
    assert stamps(SimpleNamespace(experiment="demo")) != before, "scores by another file are other scores"


@pytest.mark.parametrize(("system", "run"), [("full", "full"), ("nfe_8", "full"), ("seed_3", "seed_3")])
def test_a_system_speaks_by_the_model_of_its_run(system, run):
    assert asks("model_of", experiment="demo", system=system) == [f"runs/demo/{run}/model.safetensors"]


def test_every_file_has_one_rule():
    """Two rules with one pattern differ in a wildcard that only one of them takes."""
    makers: dict[str, list[str]] = {}
    for name, rule in rules().items():
        for path in rule.output:
            makers.setdefault(strip_wildcard_constraints(str(path)), []).append(name)
    shared = {frozenset(names) for names in makers.values() if len(names) > 1}
    assert shared == {frozenset(names) for names in (("align", "align_mfa"), ("tokens", "tokens_facodec"), SPEAKERS)}
    for names in shared:
        constraints = [tuple(rules()[name].wildcard_constraints.items()) for name in names]
        assert len(set(constraints)) == len(names)


SPEAKERS = ("dub", "external", "control")


def test_an_optional_column_waits_for_its_weights(here, caplog):
    base = {"name": "wer", "backend": "whisper", "weights": "w/whisper-base", "column": "WER-base", "optional": True}
    overrides = {"experiments": {"demo": {"metrics": [{"name": "wer"}, base]}}}
    assert asks("metric_weights", overrides, experiment="demo") == []
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        lay(f"w/whisper-base/{name}")
    assert len(asks("metric_weights", overrides, experiment="demo")) == 4


def test_two_metrics_never_fill_one_column():
    twice = {"experiments": {"demo": {"metrics": [{"name": "secs"}, {"name": "secs", "backend": "dvector"}]}}}
    with pytest.raises(ConfigError, match=r"two metrics fill the column SECS"):
        config.read(twice)
