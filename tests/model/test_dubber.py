"""Stage 2, the student: what it inherits, what is frozen, and what it speaks."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from dubber.errors import DubberError
from dubber.flow.sampler import make_sampler
from dubber.model.dubber import Dubber
from dubber.model.durations import alignment_matrix
from dubber.model.settings import ModelSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.train.losses import stage2_losses
from tests.helpers.tiny_models import OBJECTIVE, SETTINGS, alone, assert_same, dub_batch, randomise, sized

BATCH = dub_batch()
FULL = PartsSettings()
FROZEN = "decoder."
COPIED = {
    "adaptation.transformer.": "content.transformer.",
    "decoder.": "content.decoder.",
    "dfpa.": "dfpa.",
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def teacher() -> TTS:
    return randomise(TTS(SETTINGS, OBJECTIVE), seed=1).eval()


@pytest.fixture
def student(teacher) -> Dubber:
    dubber = randomise(Dubber(SETTINGS, OBJECTIVE, FULL), seed=2)
    dubber.initialise_from(teacher)
    return dubber.train()


def test_initialisation_copies_exactly_what_the_paper_says(teacher):
    student = randomise(Dubber(SETTINGS, OBJECTIVE, FULL), seed=2)
    before = copy.deepcopy(student.state_dict())
    student.initialise_from(teacher)
    theirs, copied = teacher.state_dict(), 0
    for name, value in student.state_dict().items():
        source = next((name.replace(ours, its, 1) for ours, its in COPIED.items() if name.startswith(ours)), None)
        if source is None:
            assert torch.equal(value, before[name]), name
        else:
            assert torch.equal(value, theirs[source]) and not torch.equal(value, before[name]), name
            copied += 1
    assert copied == sum(name.startswith(tuple(COPIED.values())) for name in theirs)


def test_a_copy_is_not_shared_with_the_teacher(teacher, student):
    ours = {p.data_ptr() for p in student.parameters()}
    assert ours.isdisjoint(p.data_ptr() for p in teacher.parameters())


def test_content_predictor_head_and_projection_are_frozen_and_nothing_else(student):
    frozen = {name for name, p in student.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, _ in student.named_parameters() if name.startswith(FROZEN)}
    assert {name.split(".")[1] for name in frozen} == {"predictor", "head", "projection"}


def test_frozen_parts_do_not_move_and_all_others_learn(teacher, student):
    before = copy.deepcopy(student.state_dict())
    optimiser = torch.optim.AdamW(student.parameters(), lr=1e-2, weight_decay=0.1)
    stage2_losses(student(BATCH, teacher, seeded()), BATCH, OBJECTIVE, FULL).total.backward()
    idle = [name for name, p in student.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    optimiser.step()
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith(FROZEN), name
    assert idle == []


def test_frozen_dropout_is_off_while_the_rest_trains(teacher):
    dubber = Dubber(sized(dropout=0.5), OBJECTIVE, FULL)
    assert not dubber.decoder.training and not dubber.train().decoder.training
    modes = {name: module.training for name, module in dubber.named_modules() if isinstance(module, torch.nn.Dropout)}
    assert not any(mode for name, mode in modes.items() if name.startswith(FROZEN))
    assert all(mode for name, mode in modes.items() if not name.startswith(FROZEN))
    z, mask = torch.randn(1, 5, SETTINGS.width), torch.ones(1, 5, dtype=torch.bool)
    assert torch.equal(dubber.decoder(z, mask).logits, dubber.decoder(z, mask).logits)


def test_gradient_flows_through_the_frozen_decoder(student, teacher):
    """Frozen means that its weights stay, not that the content loss teaches nothing."""
    out = student(BATCH, teacher, seeded())
    out.content_logits.square().sum().backward()
    assert student.synchronizer.lips.weight.grad.any()
    assert all(p.grad is None for p in student.decoder.parameters())


def test_distillation_is_detached_from_the_teacher(student, teacher):
    teacher.train()
    out = student(BATCH, teacher, seeded())
    stage2_losses(out, BATCH, OBJECTIVE, FULL).total.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert not out.teacher.z.requires_grad and not teacher.training


def test_the_teacher_speaks_at_its_own_durations(student, teacher):
    out = student(BATCH, teacher, seeded())
    own = teacher.content(BATCH.phonemes, BATCH.phoneme_mask)
    assert torch.equal(out.teacher.mask, own.mask)
    assert_same(out.teacher.z, own.z)


def test_distillation_without_a_teacher_is_an_error(student):
    with pytest.raises(DubberError, match="teacher"):
        student(BATCH)


def test_a_student_without_pretraining_freezes_nothing_and_copies_nothing(teacher):
    student = Dubber(SETTINGS, OBJECTIVE, PartsSettings(pretraining=False, distillation=False)).train()
    assert all(p.requires_grad for p in student.parameters())
    assert all(module.training for module in student.modules())
    with pytest.raises(DubberError, match="pre-training"):
        student.initialise_from(teacher)


@pytest.mark.parametrize("training", [True, False])
def test_a_padded_clip_is_treated_as_if_it_were_alone(student, training):
    student.train(training)
    x_t = torch.randint(0, SETTINGS.classes, (3, 4, BATCH.tokens.shape[-1]), generator=seeded())
    t = torch.tensor([0.1, 0.5, 0.9])

    def adapt(batch):
        return student._adapt(batch, batch.token_mask)

    together = adapt(BATCH)
    logits = student.dfpa.denoiser(x_t, t, together.condition)
    for row in range(3):
        clip = alone(BATCH, row)
        size = clip.tokens.shape[-1]
        one = adapt(clip)
        assert_same(together.z[row, :size], one.z[0])
        assert_same(together.content.logits[row, :, :size], one.content.logits[0])
        rows = slice(row, row + 1)
        own = student.dfpa.denoiser(x_t[rows, :, :size], t[rows], one.condition)
        assert_same(logits[row, :, :size], own[0])


def dubbed(student: Dubber, batch=BATCH, seed: int = 0):
    return student.eval().dub(batch, sampler=make_sampler("euler", 3), generator=seeded(seed))


def test_dub_speaks_as_long_as_the_video(student):
    dub = dubbed(student)
    assert dub.token_mask.sum(1).tolist() == [round(f * 16 / 5) for f in BATCH.frame_mask.sum(1).tolist()]
    real = dub.token_mask.unsqueeze(1).expand_as(dub.tokens)
    assert dub.tokens.dtype == torch.int64 and dub.tokens.shape == (3, 6, dub.token_mask.shape[1])
    assert (dub.tokens[real] < SETTINGS.vocab).all() and (dub.tokens[~real] == SETTINGS.pad).all()
    assert dub.frame_durations.sum(1).tolist() == BATCH.frame_mask.sum(1).tolist()
    assert dub.attention_vt.shape == (3, 10, 6) and dub.attention_st.shape == (3, dub.token_mask.shape[1], 6)


def test_dub_repeats_with_a_seed_and_content_needs_none(student):
    first, again, other = dubbed(student), dubbed(student), dubbed(student, seed=1)
    assert torch.equal(first.tokens, again.tokens) and not torch.equal(first.tokens, other.tokens)
    assert torch.equal(first.tokens[:, 1:3], other.tokens[:, 1:3])


def test_the_condition_is_computed_once_for_all_evaluations(student):
    calls = {"synchronizer": 0, "condition": 0, "denoiser": 0}

    def count(name):
        def hook(*_):
            calls[name] += 1

        return hook

    student.synchronizer.register_forward_hook(count("synchronizer"))
    student.decoder.register_forward_hook(count("condition"))
    student.dfpa.denoiser.register_forward_hook(count("denoiser"))
    dubbed(student)
    assert calls == {"synchronizer": 1, "condition": 1, "denoiser": 3}


def test_tokens_in_a_clip_round_to_the_nearest():
    frames = range(1, 200)
    assert [ModelSettings().tokens_in(f) for f in frames] == [round(f * 16 / 5) for f in frames]


def test_it_works_under_bfloat16_autocast(student, teacher):
    with torch.autocast("cpu", torch.bfloat16):
        losses = stage2_losses(student(BATCH, teacher, seeded()), BATCH, OBJECTIVE, FULL)
        losses.total.backward()
        dub = dubbed(student)
    assert all(term.dtype == torch.float32 and term.isfinite() for term in losses.terms.values())
    assert dub.tokens.max() <= SETTINGS.pad


def test_monotonic_attention_trains_too(teacher):
    student = randomise(Dubber(sized(attention="monotonic"), OBJECTIVE, FULL))
    stage2_losses(student(BATCH, teacher, seeded()), BATCH, OBJECTIVE, FULL).total.backward()
    assert student.synchronizer.video_text.blocks[0].attention.offset.grad.any()


def test_it_learns_a_batch_by_heart_lips_to_phonemes_too(teacher):
    torch.manual_seed(0)
    parts = PartsSettings(pretraining=False)
    student = Dubber(sized(width=32, denoiser_width=32, sync_layers=1), OBJECTIVE, parts).train()
    wide_teacher = TTS(sized(width=32, denoiser_width=32), OBJECTIVE)
    optimiser, generator, totals = torch.optim.AdamW(student.parameters(), lr=3e-3), seeded(), []
    for _ in range(60):
        losses = stage2_losses(student(BATCH, wide_teacher, generator), BATCH, OBJECTIVE, parts)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        totals.append({name: term.item() for name, term in losses.terms.items()})
    first, last = totals[0], {name: sum(t[name] for t in totals[-5:]) / 5 for name in totals[0]}
    assert {name for name in first if last[name] > 0.8 * first[name]} == set()
    out = student(BATCH, wide_teacher, generator)
    owner = alignment_matrix(BATCH.frame_durations, BATCH.lips.shape[1]).int().argmax(-1)
    assert (out.attention_vt.argmax(-1) == owner)[BATCH.frame_mask].float().mean() > 0.9


def test_padding_past_the_longest_clip_changes_nothing(student, teacher):
    """A batch padded to a fixed size: every mask is shorter than its axis."""
    t, f, n = BATCH.tokens.shape[-1], BATCH.lips.shape[1], BATCH.phonemes.shape[1]

    def longer(x: torch.Tensor, dim: int, value: float = 0) -> torch.Tensor:
        shape = list(x.shape)
        shape[dim] = 3
        return torch.cat([x, torch.full(shape, value, dtype=x.dtype)], dim=dim)

    whole = ("clips", "tokens", "speaker", "shortest")
    padded = replace(
        BATCH,
        **{name: longer(getattr(BATCH, name), 1) for name in vars(BATCH) if name not in whole},
        tokens=longer(BATCH.tokens, 2, SETTINGS.pad),
    )
    tight, loose = student.eval()(BATCH, teacher, seeded()), student(padded, teacher, seeded())
    assert_same(tight.z, loose.z[:, :t])
    assert_same(tight.attention_vt, loose.attention_vt[:, :f, :n])
    assert stage2_losses(loose, padded, OBJECTIVE, FULL).total.isfinite()
    assert teacher(padded, seeded()).content_logits.shape[2] == t + 3


@pytest.mark.parametrize("what", ["lips", "faces", "phonemes", "speaker"])
def test_a_dub_follows_everything_it_is_given(student, what):
    changed = replace(BATCH, **{what: getattr(BATCH, what).roll(1, dims=1)})
    assert not torch.equal(dubbed(student).tokens, dubbed(student, changed).tokens)


def test_ctc_listens_to_the_synchronizer_alone(student, teacher):
    student(BATCH, teacher, seeded()).ctc_logits.square().sum().backward()
    heard = {name.split(".")[0] for name, p in student.named_parameters() if p.grad is not None and p.grad.any()}
    assert heard == {"encoder", "synchronizer", "ctc"}
