"""Stage 1, the teacher."""

from __future__ import annotations

import pytest
import torch

from dubber.flow.sampler import make_sampler
from dubber.model.settings import ObjectiveSettings
from dubber.model.tts import TTS
from dubber.train.losses import stage1_losses
from tests.helpers.tiny_models import OBJECTIVE, SETTINGS, alone, assert_same, dub_batch, randomise, sized

BATCH = dub_batch()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def tts() -> TTS:
    torch.manual_seed(0)
    return randomise(TTS(SETTINGS, OBJECTIVE)).eval()


def test_shapes_and_targets(tts):
    out = tts(BATCH, seeded())
    t = BATCH.tokens.shape[-1]
    assert out.content_logits.shape == (3, 2, t, SETTINGS.vocab)
    assert out.flow.logits.shape == (3, 4, t, SETTINGS.classes)
    assert out.z.shape == (3, t, SETTINGS.width) and out.log_durations.shape == BATCH.phonemes.shape
    assert torch.equal(out.flow.x_1, BATCH.tokens[:, [0, 3, 4, 5]])


def test_the_generator_drives_all_randomness_of_the_flow(tts):
    outs = []
    for global_seed, seed in ((1, 5), (2, 5), (2, 6)):
        torch.manual_seed(global_seed)
        outs.append(tts(BATCH, seeded(seed)))
    assert torch.equal(outs[0].flow.logits, outs[1].flow.logits)
    assert not torch.equal(outs[1].flow.x_t, outs[2].flow.x_t)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_prompt_is_a_segment_of_the_same_utterance(share):
    tts = TTS(SETTINGS, ObjectiveSettings(prompt_share=share))
    starts = set()
    for seed in range(200):
        prompt = tts._cut_prompt(BATCH, seeded(seed))
        shortest = int(BATCH.token_mask.sum(1).min())
        assert prompt.shape == (3, 6, int(share * shortest))
        for row in range(3):
            tokens, size = alone(BATCH, row).tokens[0], prompt.shape[-1]
            places = [
                i for i in range(tokens.shape[-1] - size + 1) if torch.equal(tokens[:, i : i + size], prompt[row])
            ]
            assert places
            starts.add((row, places[0]))
    if share == 0.3:
        lengths = BATCH.token_mask.sum(1).tolist()
        assert {(row, n - int(0.3 * min(lengths))) for row, n in enumerate(lengths)} <= starts  # the last place too
        assert {(row, 0) for row in range(3)} <= starts


@pytest.mark.parametrize("training", [True, False])
def test_a_padded_clip_is_treated_as_if_it_were_alone(tts, training):
    """The same x_t, t and no prompt: the flow's randomness aside, padding changes nothing."""
    tts.train(training)
    x_t = torch.randint(0, SETTINGS.classes, (3, 4, BATCH.tokens.shape[-1]), generator=seeded())
    t = torch.tensor([0.1, 0.5, 0.9])

    def logits(batch, rows: slice, size: int) -> torch.Tensor:
        latent = tts.content(batch.phonemes, batch.phoneme_mask, batch.token_durations)
        content = tts.content.decoder(latent.z, latent.mask)
        condition = tts.dfpa.denoiser.condition(content.condition, batch.token_mask, batch.speaker)
        return tts.dfpa.denoiser(x_t[rows, :, :size], t[rows], condition)

    together = logits(BATCH, slice(0, 3), x_t.shape[-1])
    for row in range(3):
        clip = alone(BATCH, row)
        size = clip.tokens.shape[-1]
        assert_same(together[row, :, :size], logits(clip, slice(row, row + 1), size)[0])


def test_synthesis_speaks_codes_for_the_given_durations(tts):
    out = tts.synthesise(
        BATCH.phonemes,
        BATCH.phoneme_mask,
        BATCH.tokens[:, :, :4],
        BATCH.speaker,
        token_durations=BATCH.token_durations,
        sampler=make_sampler("euler", 3),
        generator=seeded(),
    )
    real = BATCH.token_mask.unsqueeze(1).expand_as(out)
    assert out.shape == BATCH.tokens.shape
    assert (out[real] < SETTINGS.vocab).all() and (out[~real] == SETTINGS.pad).all()


def test_synthesis_predicts_durations_if_it_has_none(tts):
    arguments = (BATCH.phonemes, BATCH.phoneme_mask, BATCH.tokens[:, :, :4], BATCH.speaker)
    out = tts.synthesise(*arguments, sampler=make_sampler("exact", 2), generator=seeded())
    latent = tts.content(BATCH.phonemes, BATCH.phoneme_mask)
    assert torch.equal(out[:, 0] != SETTINGS.pad, latent.mask)


def test_it_learns_a_batch_by_heart():
    torch.manual_seed(0)
    tts = TTS(sized(denoiser_width=32, width=32), OBJECTIVE).train()
    optimiser, generator = torch.optim.AdamW(tts.parameters(), lr=3e-3), seeded()
    totals = []
    for _ in range(60):
        losses = stage1_losses(tts(BATCH, generator), BATCH, OBJECTIVE)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        totals.append({name: term.item() for name, term in losses.terms.items()})
    first, last = totals[0], {name: sum(t[name] for t in totals[-5:]) / 5 for name in totals[0]}
    assert last["content"] < 0.3 * first["content"]
    assert last["flow"] < 0.7 * first["flow"]
    assert last["duration"] < 0.5 * first["duration"]


def test_it_works_under_bfloat16_autocast(tts):
    with torch.autocast("cpu", torch.bfloat16):
        losses = stage1_losses(tts.train()(BATCH, seeded()), BATCH, OBJECTIVE)
        losses.total.backward()
    assert all(term.dtype == torch.float32 and term.isfinite() for term in losses.terms.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in tts.parameters())


def test_every_parameter_learns(tts):
    stage1_losses(tts.train()(BATCH, seeded()), BATCH, OBJECTIVE).total.backward()
    idle = [name for name, p in tts.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_clip_too_short_for_a_prompt_trains_without_one():
    tts = TTS(SETTINGS, ObjectiveSettings(prompt_share=0.0))
    stage1_losses(tts(BATCH, seeded()), BATCH, OBJECTIVE).total.backward()
    assert tts.dfpa.denoiser.prosody_embedding.weight.grad.isfinite().all()


def test_the_prompt_is_heard_in_training_and_in_synthesis(tts):
    with_prompt = tts(BATCH, seeded())
    tts.prompt_share = 0.0
    without = tts(BATCH, seeded())
    assert torch.equal(with_prompt.flow.x_t, without.flow.x_t) and torch.equal(with_prompt.z, without.z)
    assert not torch.allclose(with_prompt.flow.logits, without.flow.logits, atol=1e-3)

    def speak(prompt: torch.Tensor, speaker: torch.Tensor) -> torch.Tensor:
        return tts.synthesise(
            BATCH.phonemes,
            BATCH.phoneme_mask,
            prompt,
            speaker,
            token_durations=BATCH.token_durations,
            sampler=make_sampler("exact", 1),
            generator=seeded(),
        )

    said = speak(BATCH.tokens[:, :, :8], BATCH.speaker)
    assert not torch.equal(said, speak(BATCH.tokens[:, :, 4:12], BATCH.speaker))
    assert not torch.equal(said, speak(BATCH.tokens[:, :, :8], BATCH.speaker.flip(0)))
    padded = torch.cat([BATCH.tokens[:, :, :8], torch.full((3, 6, 5), SETTINGS.pad)], dim=2)
    assert torch.equal(said, speak(padded, BATCH.speaker))
