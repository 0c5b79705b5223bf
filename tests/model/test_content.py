"""Stage 1's content model."""

from __future__ import annotations

import pytest
import torch

from dubber.model.content import ContentDecoder, ContentModel, DurationPredictor, PhonemeEncoder
from tests.helpers.tiny_models import SETTINGS, alone, assert_same, dub_batch, randomise, sized

BATCH = dub_batch()


@pytest.mark.parametrize("training", [True, False])
def test_a_padded_clip_is_treated_as_if_it_were_alone(training):
    model = randomise(ContentModel(SETTINGS)).train(training)
    together = model(BATCH.phonemes, BATCH.phoneme_mask, BATCH.token_durations)
    content = model.decoder(together.z, together.mask)
    assert torch.equal(together.mask, BATCH.token_mask)
    assert (together.log_durations[~BATCH.phoneme_mask] == 0).all()
    for row in range(3):
        clip = alone(BATCH, row)
        one = model(clip.phonemes, clip.phoneme_mask, clip.token_durations)
        own = model.decoder(one.z, one.mask)
        n, t = clip.phonemes.shape[1], clip.tokens.shape[2]
        assert_same(together.log_durations[row, :n], one.log_durations[0])
        assert_same(together.z[row, :t], one.z[0])
        assert_same(content.logits[row, :, :t], own.logits[0])
        assert_same(content.condition[row, :, :t], own.condition[0])


def test_predicted_durations_invert_the_logarithm():
    predictor = DurationPredictor(sized(max_phoneme_tokens=20))
    tokens = torch.tensor([[0, 1, 7, 0], [3, 20, 90, 0]])
    mask = torch.tensor([[True, True, True, False], [True, True, True, False]])
    assert predictor.round(torch.log1p(tokens.float()), mask).tolist() == [[0, 1, 7, 0], [3, 20, 20, 0]]


def test_an_utterance_of_no_tokens_gets_one_per_phoneme():
    mask = torch.tensor([[True, True, False]])
    assert DurationPredictor(SETTINGS).round(torch.full((1, 3), -1.0), mask).tolist() == [[1, 1, 0]]


def test_without_durations_the_predicted_ones_are_used():
    model = randomise(ContentModel(SETTINGS)).eval()
    latent = model(BATCH.phonemes, BATCH.phoneme_mask)
    tokens = model.duration_predictor.round(latent.log_durations, BATCH.phoneme_mask)
    assert torch.equal(latent.mask.sum(1), tokens.sum(1))
    assert_same(latent.z, model(BATCH.phonemes, BATCH.phoneme_mask, tokens).z)


def test_second_content_stream_is_built_on_the_first():
    """Two blocks in sequence, each output kept: a change of the first block moves both, of the second only its own."""
    decoder = randomise(ContentDecoder(SETTINGS)).eval()
    z, mask = torch.randn(1, 6, 16), torch.ones(1, 6, dtype=torch.bool)
    before = decoder(z, mask).logits
    with torch.no_grad():
        decoder.predictor[1].conv_norm.bias += 1
    after = decoder(z, mask).logits
    assert torch.equal(before[:, 0], after[:, 0]) and not torch.allclose(before[:, 1], after[:, 1])
    with torch.no_grad():
        decoder.predictor[0].conv_norm.bias += torch.randn(16)
    assert not torch.allclose(after[:, 0], decoder(z, mask).logits[:, 0])
    assert not torch.allclose(after[:, 1], decoder(z, mask).logits[:, 1])


def test_head_and_projection_are_shared_by_both_streams_and_the_projection_is_bounded():
    decoder = randomise(ContentDecoder(SETTINGS)).eval()
    z, mask = torch.randn(1, 6, 16), torch.ones(1, 6, dtype=torch.bool)
    first = decoder.predictor[0](z, mask)
    second = decoder.predictor[1](first, mask)
    content = decoder(z, mask)
    for stream, hidden in enumerate((first, second)):
        assert_same(content.logits[:, stream], decoder.head(hidden))
        assert_same(content.condition[:, stream], torch.tanh(decoder.projection(hidden)))
    assert content.logits.shape == (1, 2, 6, SETTINGS.vocab)
    assert content.condition.shape == (1, 2, 6, SETTINGS.denoiser_width)


def test_padding_is_the_zero_vector_before_positions():
    assert (PhonemeEncoder(SETTINGS).embedding.weight[0] == 0).all()


def test_each_transformer_is_as_deep_as_its_setting_says():
    model = ContentModel(sized(phoneme_layers=1, transformer_layers=3))
    assert (len(model.encoder.transformer.blocks), len(model.transformer.blocks)) == (1, 3)
