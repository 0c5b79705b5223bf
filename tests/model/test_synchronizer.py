"""Lips, phonemes and speech brought together."""

from __future__ import annotations

import pytest
import torch

from dubber.model.durations import alignment_matrix, search_durations
from dubber.model.synchronizer import Synchronizer
from tests.helpers.tiny_models import SETTINGS, alone, assert_same, dub_batch, randomise, sized, soiled

BATCH = dub_batch()
PHONEMES = torch.randn(3, 6, SETTINGS.width, generator=torch.Generator().manual_seed(1))


def run(module: Synchronizer, batch, phonemes: torch.Tensor):
    return module(batch.lips, batch.frame_mask, phonemes, batch.phoneme_mask, batch.token_mask)


@pytest.mark.parametrize("attention", ["soft", "monotonic"])
@pytest.mark.parametrize("training", [True, False])
def test_a_padded_clip_is_treated_as_if_it_were_alone(attention, training):
    module = randomise(Synchronizer(sized(attention=attention))).train(training)
    lips = soiled(BATCH.lips, BATCH.frame_mask)
    phonemes = soiled(PHONEMES, BATCH.phoneme_mask)
    together = module(lips, BATCH.frame_mask, phonemes, BATCH.phoneme_mask, BATCH.token_mask)
    for row in range(3):
        clip = alone(BATCH, row)
        n, f, t = clip.phonemes.shape[1], clip.lips.shape[1], clip.tokens.shape[-1]
        one = run(module, clip, PHONEMES[row : row + 1, :n])
        assert together.frame_durations[row, :n].tolist() == one.frame_durations[0].tolist()
        assert_same(together.attention_vt[row, :f, :n], one.attention_vt[0])
        assert_same(together.attention_st[row, :t, :n], one.attention_st[0])
        assert_same(together.hidden[row, :t], one.hidden[0])


def test_maps_are_distributions_over_the_phonemes_at_each_rate():
    found = run(randomise(Synchronizer(SETTINGS)).eval(), BATCH, PHONEMES)
    assert found.attention_vt.shape == (3, 10, 6) and found.attention_st.shape == (3, BATCH.tokens.shape[-1], 6)
    for weights in (found.attention_vt, found.attention_st):
        assert_same(weights.sum(-1), torch.ones(weights.shape[:2]))
        assert (weights.masked_select(~BATCH.phoneme_mask.unsqueeze(1)) == 0).all()


def test_expansion_adds_each_frames_phoneme_to_the_lips():
    module = randomise(Synchronizer(SETTINGS)).eval()
    clip = alone(BATCH, 0)
    phonemes = PHONEMES[:1, :5]
    seen = []
    module.upsampler.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    found = run(module, clip, phonemes)
    video = module.video_text(module.lips(clip.lips, clip.frame_mask), clip.frame_mask, phonemes, clip.phoneme_mask)
    durations = search_durations(video.weights, clip.frame_mask, clip.phoneme_mask)
    expanded = alignment_matrix(durations).float() @ phonemes
    assert torch.equal(found.frame_durations, durations)
    assert_same(seen[0], video.values + module.expansion(expanded))


def test_gradients_reach_lips_and_phonemes():
    module = randomise(Synchronizer(SETTINGS)).train()
    lips, phonemes = BATCH.lips.clone().requires_grad_(), PHONEMES.clone().requires_grad_()
    found = module(lips, BATCH.frame_mask, phonemes, BATCH.phoneme_mask, BATCH.token_mask)
    found.hidden.square().sum().backward()
    assert (lips.grad[BATCH.frame_mask].abs().sum(-1) > 0).all()
    assert (phonemes.grad[BATCH.phoneme_mask].abs().sum(-1) > 0).all()
    assert (lips.grad[~BATCH.frame_mask] == 0).all() and (phonemes.grad[~BATCH.phoneme_mask] == 0).all()
