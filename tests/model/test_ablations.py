"""Table 3: each ablation is a file with the difference, and what it switches off is gone from the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from dubber.flow.sampler import make_sampler
from dubber.model.dubber import Dubber
from dubber.model.settings import PartsSettings
from dubber.model.tts import TTS
from dubber.train.losses import stage2_losses
from tests.helpers.tiny_models import OBJECTIVE, SETTINGS, dub_batch

FOLDER = Path(__file__).resolve().parents[2] / "config" / "ablations"
BATCH = dub_batch()
ALL_TERMS = {"content", "flow", "ctc", "distillation", "video_text", "speech_text"}

GONE = {
    # ablation: (modules without parameters, absent loss terms)
    "full": (set(), set()),
    "no_pretraining": (set(), {"distillation"}),
    "no_alignment": (set(), {"video_text", "speech_text"}),
    "no_video_text": (set(), {"video_text"}),
    "no_speech_text": (set(), {"speech_text"}),
    "no_distillation": (set(), {"distillation"}),
    "no_ctc": ({"ctc"}, {"ctc"}),
    "no_prosody_fusion": (set(), set()),
    "no_fapro": ({"fapro", "prior"}, set()),
}


def parts_of(name: str) -> PartsSettings:
    difference = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert set(difference) <= {"parts"}
    return PartsSettings(**difference.get("parts", {}))


def modules(dubber: Dubber) -> set[str]:
    return {name.split(".")[0] for name, _ in dubber.named_parameters()}


def test_there_is_a_file_for_each_row_of_table_3():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(GONE)


@pytest.mark.parametrize("name", GONE)
def test_a_file_states_only_the_difference(name):
    stated = (yaml.safe_load((FOLDER / f"{name}.yaml").read_text())).get("parts", {})
    assert all(PartsSettings().model_dump()[part] != value for part, value in stated.items())
    assert (FOLDER / f"{name}.yaml").read_text().startswith("# ")


@pytest.mark.parametrize("name", GONE)
def test_what_is_switched_off_is_gone(name):
    parts, (without_parameters, without_terms) = parts_of(name), GONE[name]
    dubber = Dubber(SETTINGS, OBJECTIVE, parts).train()
    assert modules(Dubber(SETTINGS, OBJECTIVE, PartsSettings())) - modules(dubber) == without_parameters
    teacher = TTS(SETTINGS, OBJECTIVE) if parts.distillation else None
    losses = stage2_losses(dubber(BATCH, teacher), BATCH, OBJECTIVE, parts)
    assert ALL_TERMS - set(losses.terms) == without_terms
    losses.total.backward()
    assert all(p.grad is not None for p in dubber.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", GONE)
def test_every_ablation_can_dub(name):
    student = Dubber(SETTINGS, OBJECTIVE, parts_of(name)).eval()
    dub = student.dub(BATCH, sampler=make_sampler("exact", 2))
    assert dub.tokens.max() <= SETTINGS.pad


def test_without_pretraining_nothing_is_frozen():
    frozen = {
        name: any(not p.requires_grad for p in Dubber(SETTINGS, OBJECTIVE, parts_of(name)).parameters())
        for name in GONE
    }
    assert frozen == {name: name != "no_pretraining" for name in GONE}


@pytest.mark.parametrize(
    ("name", "content_hears", "flow_hears"),
    [("full", True, True), ("no_prosody_fusion", False, True), ("no_fapro", False, False)],
)
def test_where_the_face_is_heard(name, content_hears, flow_hears):
    torch.manual_seed(0)
    dubber = Dubber(SETTINGS, OBJECTIVE, parts_of(name)).eval()
    teacher = TTS(SETTINGS, OBJECTIVE)
    faces = torch.randn_like(BATCH.faces)

    def run(faces: torch.Tensor):
        batch = BATCH.__class__(**{**BATCH.__dict__, "faces": faces})
        return dubber(batch, teacher, torch.Generator().manual_seed(0))

    one, other = run(BATCH.faces), run(faces)
    assert torch.allclose(one.content_logits, other.content_logits) != content_hears
    assert torch.allclose(one.flow.logits, other.flow.logits) != flow_hears


def test_fusion_reads_two_sequences_or_one():
    widths = {name: Dubber(SETTINGS, OBJECTIVE, parts_of(name)).adaptation.fusion[0].in_features for name in GONE}
    narrow = {"no_prosody_fusion", "no_fapro"}
    assert widths == {name: SETTINGS.width * (1 if name in narrow else 2) for name in GONE}
