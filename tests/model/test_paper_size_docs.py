"""docs/reference/paper-to-code.md and docs/reference/deviations.md name only what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dubber.codec.settings import WorldAnalysisSettings, WorldSettings
from dubber.dub.settings import SynthesisSettings
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS

ROOT = Path(__file__).resolve().parents[2]


def pairs() -> list[tuple[str, str]]:
    """(file, symbol) for each "`file.py` `symbol`, `symbol`" of the tables."""
    found = []
    for line in (ROOT / "docs" / "reference" / "paper-to-code.md").read_text().splitlines():
        file = None
        for token in re.findall(r"`([^`]+)`", line.split("(`h_v`")[0]):
            if token.endswith(".py"):
                file = token
            elif file and re.fullmatch(r"[A-Za-z_][\w.]*", token):
                found.append((file, token))
    return found


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    annotated = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.AnnAssign | ast.Assign)
                 and isinstance(getattr(node, "target", None), ast.Name)}  # fmt: skip
    return defined | annotated


@pytest.mark.parametrize(("file", "symbol"), sorted(set(pairs())))
def test_the_code_that_the_table_names_exists(file, symbol):
    path = ROOT / ("tests" if Path(file).name.startswith("test_") else "dubber") / file
    assert set(symbol.split(".")) <= names_in(path)


def test_options_of_the_deviations_exist():
    known = {f"objective.{name}" for name in ObjectiveSettings.model_fields} | set(ModelSettings.model_fields)
    known |= {f"analysis.{name}" for name in WorldAnalysisSettings.model_fields} | set(WorldSettings.model_fields)
    known |= {f"synthesis.{name}" for name in SynthesisSettings.model_fields}
    named = re.findall(
        r"^\|[^|]+\| (`[^|]+`) \|", (ROOT / "docs" / "reference" / "deviations.md").read_text(), re.MULTILINE
    )
    assert len(named) > 10
    assert {option for cell in named for option in re.findall(r"`([^`]+)`", cell)} <= known


def test_the_stated_parameter_counts_are_the_models():
    import torch

    with torch.device("meta"):
        settings, objective = ModelSettings(), ObjectiveSettings()
        models = TTS(settings, objective), Dubber(settings, objective, PartsSettings())
    text = (ROOT / "docs" / "reference" / "deviations.md").read_text()
    for model in models:
        assert f"**{sum(p.numel() for p in model.parameters()):,}**" in text
