"""The paper's size: the parameter count of every module, and the smaller sizes beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.text.phonemes import VOCABULARY_SIZE

SIZES = yaml.safe_load((Path(__file__).resolve().parents[2] / "config" / "sizes.yaml").read_text())["sizes"]

TEACHER = {
    "content.encoder": 5_784_832,
    "content.duration_predictor": 3_939_329,
    "content.linear": 65_792,
    "content.transformer": 5_773_824,
    "content.decoder": 6_234_368,
    "dfpa.denoiser": 96_273_924,
}
STUDENT = {
    "encoder": 5_784_832,
    "synchronizer.lips": 393_472,
    "synchronizer.video_text": 6_318_080,
    "synchronizer.expansion": 65_792,
    "synchronizer.upsampler": 855_296,
    "synchronizer.speech_text": 6_318_080,
    "synchronizer.convnext": 4_241_920,
    "fapro": 8_180_992,
    "prior": 197_376,
    "adaptation": 5_970_944,
    "decoder": 6_234_368,
    "ctc": 11_051,
    "dfpa.denoiser": 96_273_924,
}
PUBLISHED = {"denoiser": 97e6, "student": 141e6, "content model": 21.8e6, "synchronizer": 18e6, "fapro": 8.2e6}
TOLERANCE = 0.03


def build(size: str) -> tuple[TTS, Dubber]:
    with torch.device("meta"):
        settings = ModelSettings(**SIZES[size])
        return TTS(settings, ObjectiveSettings()), Dubber(settings, ObjectiveSettings(), PartsSettings())


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def paper() -> tuple[TTS, Dubber]:
    return build("paper")


def test_the_parameters_of_every_module(paper):
    teacher, student = paper
    assert {name: count(teacher.get_submodule(name)) for name in TEACHER} == TEACHER
    assert {name: count(student.get_submodule(name)) for name in STUDENT} == STUDENT
    assert sum(TEACHER.values()) == count(teacher) and sum(STUDENT.values()) == count(student)


def test_no_module_is_more_than_three_percent_off(paper):
    teacher, student = paper
    ours = {
        "denoiser": count(student.dfpa.denoiser),
        "student": count(student),
        "content model": count(teacher.content),
        "synchronizer": count(student.synchronizer),
        "fapro": count(student.fapro),
    }
    off = {name: ours[name] / published - 1 for name, published in PUBLISHED.items()}
    assert {name: share for name, share in off.items() if abs(share) > TOLERANCE} == {}


def test_the_papers_widths_depths_and_heads(paper):
    _, student = paper
    denoiser = student.dfpa.denoiser
    assert len(denoiser.blocks) == 8 and denoiser.blocks[0].attention.heads == 8
    assert denoiser.input.weight.shape == (768, 6 * 768)
    assert denoiser.prosody_embedding.weight.shape == (1026, 768)
    for half in (student.synchronizer.video_text, student.synchronizer.speech_text):
        assert len(half.blocks) == 8 and half.blocks[0].attention.heads == 4
    assert len(student.fapro.convnext.blocks) == len(student.synchronizer.convnext.blocks) == 8
    assert student.fapro.convnext.blocks[0].depthwise.kernel_size == (7,)
    block = student.adaptation.transformer.blocks[0]
    assert (block.conv_in.kernel_size, block.conv_out.kernel_size) == ((9,), (1,))
    assert block.conv_in.out_channels == 1024 and block.dropout.p == 0.2
    assert len(student.fapro.upsampler.convolutions) == 4
    assert student.decoder.head.weight.shape == (1024, 256)


@pytest.mark.parametrize(("size", "most"), [("tiny", 2.7e6), ("small", 16e6)])
def test_smaller_sizes_are_small_and_made_of_the_same_classes(paper, size, most):
    teacher, student = build(size)
    assert count(teacher) < most and count(student) < most
    for ours, papers in ((teacher, paper[0]), (student, paper[1])):
        assert {type(m) for m in ours.modules()} == {type(m) for m in papers.modules()}


def test_the_phoneme_vocabulary_is_the_alphabets():
    assert ModelSettings().phoneme_vocabulary == VOCABULARY_SIZE


@pytest.mark.parametrize(
    "wrong", [{"width": 255}, {"denoiser_heads": 5}, {"kernels": [8, 1]}, {"convnext_kernel": 6}, {"time_features": 7}]
)
def test_a_size_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(ValueError, match=r"multiple|odd|even"):
        ModelSettings(**wrong)
