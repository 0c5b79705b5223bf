"""DistillMOS: equal to the package's own network (recipe: tests/golden/recipes/distillmos.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dubber.errors import ClipError, DubberError, MissingDataError
from dubber.metrics.base import Sample
from dubber.metrics.factory import build_metric
from dubber.metrics.settings import DistillMosSettings
from dubber.networks.distillmos import DistillMos
from tests.golden.recipes.distillmos import STORED, sounds
from tests.helpers.made_up_weights import made_up, shapes

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = json.loads(STORED.read_text())


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("distillmos") / "made_up.pt"
    torch.save({"model": made_up(shapes(DistillMos())), "step": 7}, path)
    return path


def opinions(weights: Path) -> dict[str, float]:
    metric = build_metric(DistillMosSettings(weights=str(weights)))
    return {name: metric.opinion(wav) for name, wav in sounds().items()}


def test_made_up_weights_give_the_numbers_of_the_package(weights):
    assert opinions(weights) == pytest.approx(GOLDEN["made up"], abs=1e-4)


def test_published_weights_give_the_numbers_of_the_package():
    path = ROOT / DistillMosSettings().weights
    if not path.exists():
        pytest.skip("the published weights are not here: dubber fetch distillmos")
    assert opinions(path) == pytest.approx(GOLDEN["published"], abs=1e-3)


def test_the_column_is_its_own_and_loudness_does_not_matter(weights):
    metric, wav = build_metric(DistillMosSettings(weights=str(weights))), sounds()["3.0 s"]
    loud, quiet = (metric.score(Sample("c", "t", x, x, x))[0] for x in (wav, 0.1 * wav))
    assert loud.column == "DistillMOS" and 1 <= loud.value <= 5
    assert quiet.value == pytest.approx(loud.value, abs=1e-4)


def test_no_sample_is_a_reason(weights):
    with pytest.raises(ClipError, match="empty"):
        build_metric(DistillMosSettings(weights=str(weights))).opinion(np.zeros(0, np.float32))


def test_missing_and_foreign_files_are_told(tmp_path):
    with pytest.raises(MissingDataError, match="dubber fetch distillmos"):
        build_metric(DistillMosSettings(weights=str(tmp_path / "none.pt")))
    torch.save({"model": {"cnn.cnn.0.weight": torch.zeros(1)}}, tmp_path / "foreign.pt")
    with pytest.raises(DubberError, match=r"does not hold the weights of DistillMOS"):
        build_metric(DistillMosSettings(weights=str(tmp_path / "foreign.pt")))
