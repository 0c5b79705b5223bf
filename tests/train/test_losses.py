"""Every loss against a loop or a closed form, with padding that must not count."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from dubber.model.classes import Predicted
from dubber.model.content import Latent
from dubber.model.dfpa import Flow
from dubber.model.dubber import Dubber
from dubber.model.durations import alignment_matrix, length_mask
from dubber.model.settings import ObjectiveSettings, PartsSettings, Stage1Weights, Stage2Weights
from dubber.model.tts import TTS
from dubber.train.losses import (
    aligned_distillation_loss,
    alignment_loss,
    content_loss,
    contrastive_loss,
    ctc_loss,
    distillation_loss,
    duration_loss,
    flow_matching_loss,
    stage1_losses,
    stage2_losses,
)
from tests.helpers.tiny_models import OBJECTIVE, SETTINGS, dub_batch, randomise

BATCH = dub_batch()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def looped_contrast(a: torch.Tensor, m: torch.Tensor, columns: torch.Tensor, tau: float) -> float:
    """Eq. 2, written as sums."""
    losses = []
    for b, i in itertools.product(range(a.shape[0]), range(a.shape[1])):
        if not m[b, i].any():
            continue
        over = [j for j in range(a.shape[2]) if columns[b, j]]
        matched = sum(math.exp(a[b, i, j].item() / tau) for j in over if m[b, i, j])
        everything = sum(math.exp(a[b, i, j].item() / tau) for j in over)
        losses.append(-math.log(matched / everything))
    return sum(losses) / len(losses)


ATTENTION = torch.rand(3, 10, 6, generator=seeded())
MATRIX = alignment_matrix(BATCH.frame_durations, 10)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_contrastive_loss_is_its_equation(tau):
    found = contrastive_loss(ATTENTION, MATRIX, BATCH.phoneme_mask, tau)
    assert found.item() == pytest.approx(looped_contrast(ATTENTION, MATRIX, BATCH.phoneme_mask, tau), rel=1e-5)


def test_contrastive_loss_takes_several_positives_together():
    scores, positive = torch.tensor([[[0.3, 0.1, 0.8]]]), torch.tensor([[[True, False, True]]])
    expected = looped_contrast(scores, positive, torch.ones(1, 3) > 0, 0.1)
    assert contrastive_loss(scores, positive, torch.ones(1, 3) > 0, 0.1).item() == pytest.approx(expected, abs=1e-5)


def test_contrastive_loss_ignores_what_stands_in_the_padding():
    padding = ~(BATCH.frame_mask.unsqueeze(2) & BATCH.phoneme_mask.unsqueeze(1))
    clean = contrastive_loss(ATTENTION.masked_fill(padding, 0), MATRIX, BATCH.phoneme_mask, 0.1)
    assert torch.equal(contrastive_loss(ATTENTION.masked_fill(padding, 9.0), MATRIX, BATCH.phoneme_mask, 0.1), clean)


def test_contrastive_loss_pulls_up_the_right_phoneme():
    attention = ATTENTION.clone().requires_grad_()
    contrastive_loss(attention, MATRIX, BATCH.phoneme_mask, 0.1).backward()
    assert (attention.grad[MATRIX] <= 0).all() and (attention.grad[MATRIX] < 0).any()
    assert (attention.grad[~MATRIX] >= 0).all() and (attention.grad[~MATRIX] > 0).any()


def test_rows_without_a_positive_are_skipped_and_none_at_all_is_zero():
    positive = torch.zeros(1, 2, 3, dtype=torch.bool)
    scores = torch.rand(1, 2, 3, requires_grad=True)
    empty = contrastive_loss(scores, positive, torch.ones(1, 3) > 0, 0.1)
    empty.backward()
    assert empty.item() == 0 and (scores.grad == 0).all()
    positive[0, 1, 2] = True
    both = contrastive_loss(scores, positive, torch.ones(1, 3) > 0, 0.1)
    only = contrastive_loss(scores[:, 1:], positive[:, 1:], torch.ones(1, 3) > 0, 0.1)
    assert torch.equal(both, only)


def test_alignment_loss_goes_in_the_direction_that_is_set():
    losses = {
        contrast: alignment_loss(ATTENTION, MATRIX, BATCH.phoneme_mask, ObjectiveSettings(contrast=contrast)).item()
        for contrast in ("frames", "phonemes", "both")
    }
    assert losses["frames"] == pytest.approx(looped_contrast(ATTENTION, MATRIX, BATCH.phoneme_mask, 0.1), rel=1e-5)
    turned = looped_contrast(ATTENTION.transpose(1, 2), MATRIX.transpose(1, 2), BATCH.frame_mask, 0.1)
    assert losses["phonemes"] == pytest.approx(turned, rel=1e-5)
    assert losses["both"] == pytest.approx(losses["frames"] + losses["phonemes"], rel=1e-5)


def test_duration_loss_is_the_squared_error_of_log_d_plus_one():
    durations, mask = torch.tensor([[0, 3], [7, 99]]), torch.tensor([[True, True], [True, False]])
    predicted = torch.tensor([[0.1, 1.0], [2.0, -50.0]])
    expected = (0.1**2 + (1 - math.log(4)) ** 2 + (2 - math.log(8)) ** 2) / 3
    assert duration_loss(predicted, durations, mask).item() == pytest.approx(expected, rel=1e-5)


def looped_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> float:
    found = [
        -logits[b, s, i].log_softmax(-1)[targets[b, s, i]].item()
        for b, s, i in itertools.product(*map(range, targets.shape))
        if mask[b, i]
    ]
    return sum(found) / len(found)


def as_predicted(logits: torch.Tensor) -> Predicted:
    """Hidden states that an identity turns into these logits."""
    classes = logits.shape[-1]
    return Predicted(logits, torch.eye(classes), torch.zeros(classes))


def test_content_loss_is_the_cross_entropy_of_streams_two_and_three():
    logits = torch.randn(3, 2, BATCH.tokens.shape[-1], SETTINGS.vocab, generator=seeded())
    expected = looped_cross_entropy(logits, BATCH.tokens[:, 1:3], BATCH.token_mask)
    assert content_loss(as_predicted(logits), BATCH.tokens, BATCH.token_mask).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_flow_matching_loss_is_the_cross_entropy_of_all_real_positions_masked_or_not():
    x_1 = BATCH.tokens[:, [0, 3, 4, 5]]
    logits = torch.randn(*x_1.shape, SETTINGS.classes, generator=seeded())
    expected = looped_cross_entropy(logits, x_1, BATCH.token_mask)
    for x_t in (x_1, torch.full_like(x_1, SETTINGS.mask)):
        found = flow_matching_loss(
            Flow((as_predicted(logits[:, :1]), as_predicted(logits[:, 1:])), x_1, x_t, torch.rand(3)), BATCH.token_mask
        )
        assert found.item() == pytest.approx(expected, rel=1e-5)


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != 0)


def test_ctc_sums_over_every_path_that_collapses_to_the_phonemes():
    """Real tokens 4 and 3, phonemes (2, 2) and (1,); blank 0; the padding of both is not looked at."""
    logits = torch.randn(2, 4, 3, generator=seeded())
    phonemes = torch.tensor([[2, 2], [1, 0]])
    token_mask, phoneme_mask = length_mask(torch.tensor([4, 3])), length_mask(torch.tensor([2, 1]))
    p = logits.softmax(-1)
    expected = []
    for row, (size, target) in enumerate(((4, (2, 2)), (3, (1,)))):
        paths = [path for path in itertools.product(range(3), repeat=size) if collapse(path) == target]
        likelihood = sum(math.prod(p[row, i, symbol].item() for i, symbol in enumerate(path)) for path in paths)
        expected.append(-math.log(likelihood) / len(target))
    found = ctc_loss(logits, token_mask, phonemes, phoneme_mask)
    assert found.item() == pytest.approx(sum(expected) / 2, rel=1e-4)


def test_ctc_of_a_clip_too_short_for_its_text_is_zero_with_zero_gradient():
    logits = torch.randn(1, 2, 5, requires_grad=True)
    loss = ctc_loss(logits, torch.ones(1, 2) > 0, torch.tensor([[1, 2, 3]]), torch.ones(1, 3) > 0)
    loss.backward()
    assert loss.item() == 0 and (logits.grad == 0).all()


def test_distillation_compares_the_means_over_real_time():
    z, mask = torch.randn(2, 5, 4, generator=seeded()), length_mask(torch.tensor([5, 2]))
    teacher = Latent(torch.zeros(2, 3), torch.randn(2, 7, 4, generator=seeded(1)), length_mask(torch.tensor([3, 7])))
    expected = 0.0
    for row, (n, m) in enumerate(((5, 3), (2, 7))):
        a, b = z[row, :n].mean(0), teacher.z[row, :m].mean(0)
        expected += (1 - (a @ b / (a.norm() * b.norm())).item()) / 2
    assert distillation_loss(z, mask, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_distillation_is_zero_for_the_same_mean_and_two_for_the_opposite():
    z, mask = torch.randn(1, 5, 4, generator=seeded()), torch.ones(1, 5, dtype=torch.bool)
    same, opposite = (Latent(torch.zeros(1, 1), factor * z, mask) for factor in (3.0, -1.0))
    assert distillation_loss(z, mask, same).item() == pytest.approx(0, abs=1e-6)
    assert distillation_loss(z, mask, opposite).item() == pytest.approx(2, rel=1e-6)


def test_aligned_distillation_compares_token_by_token():
    z = torch.tensor([[[1.0, 0], [0, 2], [9, 9]]])
    mask = torch.tensor([[True, True, False]])
    same = Latent(torch.zeros(1, 1), torch.tensor([[[3.0, 0], [0, 1], [-1, -1]]]), mask)
    swapped = Latent(torch.zeros(1, 1), same.z[:, [1, 0, 2]], mask)
    assert aligned_distillation_loss(z, mask, same).item() == pytest.approx(0, abs=1e-6), "lengths do not matter"
    assert aligned_distillation_loss(z, mask, swapped).item() == pytest.approx(1), "equal means are not enough"
    assert distillation_loss(z, mask, swapped).item() < 0.3


def test_the_aligned_teacher_speaks_at_the_aligners_durations():
    objective = ObjectiveSettings(distillation="aligned", stage2=Stage2Weights(distillation=10.0))
    student, teacher = randomise(Dubber(SETTINGS, objective, PartsSettings())), randomise(TTS(SETTINGS, objective))
    out = student(BATCH, teacher, seeded())
    assert torch.equal(out.teacher.mask, BATCH.token_mask)
    expected = teacher.content(BATCH.phonemes, BATCH.phoneme_mask, BATCH.token_durations).z
    torch.testing.assert_close(out.teacher.z, expected)
    losses = stage2_losses(out, BATCH, objective, PartsSettings())
    own = aligned_distillation_loss(out.z, BATCH.token_mask, out.teacher)
    assert losses.terms["distillation"].item() == pytest.approx(own.item())


def test_distillation_gives_the_teacher_no_gradient():
    z = torch.randn(1, 5, 4, requires_grad=True)
    theirs = torch.randn(1, 5, 4, requires_grad=True)
    mask = torch.ones(1, 5, dtype=torch.bool)
    distillation_loss(z, mask, Latent(torch.zeros(1, 1), theirs, mask)).backward()
    assert theirs.grad is None and z.grad.any()


def test_stage_1_is_the_weighted_sum_of_equation_9():
    objective = ObjectiveSettings(stage1=Stage1Weights(duration=2.0, content=3.0, flow=5.0))
    tts = randomise(TTS(SETTINGS, objective))
    losses = stage1_losses(tts(BATCH, seeded()), BATCH, objective)
    assert set(losses.terms) == {"duration", "content", "flow"}
    expected = 2 * losses.terms["duration"] + 3 * losses.terms["content"] + 5 * losses.terms["flow"]
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert Stage1Weights() == Stage1Weights(duration=0.5, content=1.0, flow=1.0)


def test_stage_2_is_the_weighted_sum_of_equation_7():
    weights = Stage2Weights(content=2.0, ctc=3.0, distillation=5.0, flow=7.0, video_text=11.0, speech_text=13.0)
    objective, parts = ObjectiveSettings(stage2=weights), PartsSettings()
    out = randomise(Dubber(SETTINGS, objective, parts))(BATCH, TTS(SETTINGS, objective), seeded())
    losses = stage2_losses(out, BATCH, objective, parts)
    expected = sum(getattr(weights, name) * term.item() for name, term in losses.terms.items())
    assert len(losses.terms) == 6
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)


def test_stage_2_aligns_video_by_frames_and_speech_by_tokens():
    parts = PartsSettings()
    out = randomise(Dubber(SETTINGS, OBJECTIVE, parts))(BATCH, TTS(SETTINGS, OBJECTIVE), seeded())
    losses = stage2_losses(out, BATCH, OBJECTIVE, parts)
    for name, attention, durations in (
        ("video_text", out.attention_vt, BATCH.frame_durations),
        ("speech_text", out.attention_st, BATCH.token_durations),
    ):
        matrix = alignment_matrix(durations, attention.shape[1])
        expected = looped_contrast(attention, matrix, BATCH.phoneme_mask, OBJECTIVE.temperature)
        assert losses.terms[name].item() == pytest.approx(expected, rel=1e-4)
