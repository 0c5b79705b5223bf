"""The denoiser against the paper's input: six embeddings side by side, projected."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from benchmarks.plain_sampler import PlainInputs, plain_logits
from dubber.errors import ConfigError
from dubber.flow.sampler import SAMPLERS, make_sampler
from dubber.model.attention import Rotation, SelfAttention
from dubber.model.denoiser import Condition, Denoiser, Prompt
from dubber.model.dfpa import DFPA
from tests.helpers.tiny_models import SETTINGS, alone, assert_same, dub_batch, randomise

W, K = SETTINGS.denoiser_width, SETTINGS.classes
BATCH = dub_batch()
CONTENT = torch.randn(3, 2, BATCH.tokens.shape[-1], W, generator=torch.Generator().manual_seed(1)).tanh()


@pytest.fixture
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    return randomise(Denoiser(SETTINGS)).eval()


def side_by_side(denoiser: Denoiser, slots: list[torch.Tensor]) -> torch.Tensor:
    """The paper's input projection: six [B, L, W] next to each other, 6W -> W."""
    return denoiser.input(torch.cat(slots, dim=-1))


def spoken(x_t: torch.Tensor, content: torch.Tensor, denoiser: Denoiser) -> list[torch.Tensor]:
    """[emb(p), H_c1, H_c2, emb(a1), emb(a2), emb(a3)]."""
    return [
        denoiser.prosody_embedding(x_t[:, 0]),
        content[:, 0],
        content[:, 1],
        *(denoiser.acoustic_embedding(x_t[:, i]) for i in (1, 2, 3)),
    ]


def target(condition: Condition, x_t: torch.Tensor, denoiser: Denoiser) -> torch.Tensor:
    return condition.content + denoiser._look_up(x_t, condition.tables)


def test_target_is_six_embeddings_side_by_side(denoiser):
    x_t = torch.randint(0, K, (3, 4, BATCH.tokens.shape[-1]))
    condition = denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker)
    assert_same(target(condition, x_t, denoiser), side_by_side(denoiser, spoken(x_t, CONTENT, denoiser)))


def test_token_prompt_has_no_content(denoiser):
    tokens = BATCH.tokens[:, :, :5]
    prompt = denoiser.token_prompt(tokens, torch.ones(3, 5, dtype=torch.bool))
    nothing = torch.zeros(3, 2, 5, W)
    expected = side_by_side(denoiser, spoken(tokens[:, [0, 3, 4, 5]], nothing, denoiser))
    assert_same(prompt.projected, expected)


def test_prior_prompt_fills_the_prosody_slot_only(denoiser):
    prior = torch.randn(3, 5, W)
    prompt = denoiser.prior_prompt(prior, torch.ones(3, 5, dtype=torch.bool))
    assert_same(prompt.projected, side_by_side(denoiser, [prior, *[torch.zeros(3, 5, W)] * 5]))


def test_forward_is_the_papers_transformer_written_out(denoiser):
    """Prompt and target joined in time, blocks, long skip, prompt cut off, AdaLN output, a head per kind of stream."""
    t_len, t = 6, torch.tensor([0.3, 0.8, 0.5])
    x_t = torch.randint(0, K, (3, 4, t_len))
    content, mask = CONTENT[:, :, :t_len], torch.ones(3, t_len, dtype=torch.bool)
    prompt = denoiser.token_prompt(BATCH.tokens[:, :, :4], torch.ones(3, 4, dtype=torch.bool))
    x = torch.cat([prompt.projected, side_by_side(denoiser, spoken(x_t, content, denoiser))], dim=1)
    half = torch.exp(-torch.log(torch.tensor(10_000.0)) * torch.arange(4) / 3)
    angle = 1000 * t.unsqueeze(1) * half
    c = denoiser.time(torch.cat([angle.sin(), angle.cos()], dim=-1)) + denoiser.speaker(BATCH.speaker)
    first, rotation = x, Rotation.at(torch.arange(10).expand(3, 10), W // SETTINGS.denoiser_heads)
    whole = torch.ones(3, 10, dtype=torch.bool)
    for block in denoiser.blocks:
        six = block.adaptive.linear(torch.nn.functional.silu(c)).unflatten(-1, (6, W)).unsqueeze(1).unbind(2)
        normed = block.attention_norm(x) * (1 + six[1]) + six[0]
        x = x + six[2] * block.attention(normed, whole, rotation)
        x = x + six[5] * block.mlp(block.mlp_norm(x) * (1 + six[4]) + six[3])
    x = (first + x)[:, 4:]
    shift, scale = denoiser.output.adaptive.linear(torch.nn.functional.silu(c)).unsqueeze(1).chunk(2, dim=-1)
    x = torch.nn.functional.layer_norm(x, (W,), eps=1e-6) * (1 + scale) + shift
    streams = denoiser.output.streams(x).split(W, dim=-1)
    heads = [denoiser.output.prosody_head, *[denoiser.output.acoustic_head] * 3]
    expected = torch.stack([head(stream) for head, stream in zip(heads, streams, strict=True)], dim=1)
    found = denoiser(x_t, t, denoiser.condition(content, mask, BATCH.speaker, prompt))
    assert found.shape == (3, 4, t_len, K)
    assert_same(found, expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["tokens", "prior", "none"])
def test_a_padded_clip_is_treated_as_if_it_were_alone(denoiser, kind, training):
    denoiser.train(training)
    x_t, t = torch.randint(0, SETTINGS.vocab, BATCH.tokens[:, :4].shape), torch.tensor([0.2, 0.5, 0.9])
    prior = torch.randn(3, x_t.shape[-1], W)

    def logits(batch, rows: slice, size: int) -> torch.Tensor:
        prompt = {
            "tokens": lambda: denoiser.token_prompt(batch.tokens, batch.token_mask),
            "prior": lambda: denoiser.prior_prompt(prior[rows, :size], batch.token_mask),
            "none": lambda: None,
        }[kind]()
        condition = denoiser.condition(CONTENT[rows, :, :size], batch.token_mask, batch.speaker, prompt)
        return denoiser(x_t[rows, :, :size], t[rows], condition)

    together = logits(BATCH, slice(0, 3), x_t.shape[-1])
    for row in range(3):
        clip = alone(BATCH, row)
        size = clip.tokens.shape[-1]
        assert_same(together[row, :, :size], logits(clip, slice(row, row + 1), size)[0])


@pytest.mark.parametrize("what", ["time", "speaker", "content", "prompt", "x_t"])
def test_everything_it_is_told_matters(denoiser, what):
    mask = torch.ones(1, 4, dtype=torch.bool)
    given = {
        "time": torch.tensor([0.3]),
        "speaker": torch.randn(1, SETTINGS.speaker_dim),
        "content": torch.randn(1, 2, 4, W),
        "prompt": torch.randn(1, 3, W),
        "x_t": torch.zeros(1, 4, 4, dtype=torch.long),
    }

    def logits(values: dict[str, torch.Tensor]) -> torch.Tensor:
        prompt = Prompt(values["prompt"], torch.ones(1, 3, dtype=torch.bool))
        condition = denoiser.condition(values["content"], mask, values["speaker"], prompt)
        return denoiser(values["x_t"], values["time"], condition)

    other = given[what] + 1 if what == "x_t" else torch.rand_like(given[what])
    changed = {**given, what: other}
    assert not torch.allclose(logits(given), logits(changed), atol=1e-3)


def test_acoustic_streams_share_an_embedding_and_a_head_but_not_their_places(denoiser):
    condition = denoiser.condition(torch.zeros(1, 2, 1, W), torch.ones(1, 1, dtype=torch.bool), BATCH.speaker[:1])
    ids = torch.tensor([[[0], [1], [2], [3]]])
    swapped = torch.tensor([[[0], [2], [1], [3]]])
    assert not torch.allclose(target(condition, ids, denoiser), target(condition, swapped, denoiser))
    names = [name for name, _ in denoiser.named_parameters() if "embedding" in name or "head" in name]
    assert sorted({name.split(".")[-2] for name in names}) == [
        "acoustic_embedding", "acoustic_head", "prosody_embedding", "prosody_head",
    ]  # fmt: skip


def test_flow_masks_the_generated_streams_by_the_path():
    dfpa = randomise(DFPA(SETTINGS, "quadratic")).eval()
    tokens = torch.randint(0, SETTINGS.vocab, (64, 6, 100))
    mask = torch.ones(64, 100, dtype=torch.bool)
    mask[:, 90:] = False
    condition = dfpa.denoiser.condition(torch.zeros(64, 2, 100, W), mask, torch.zeros(64, SETTINGS.speaker_dim))
    flow = dfpa(tokens, mask, condition, torch.Generator().manual_seed(0))
    real = mask.unsqueeze(1).expand(-1, 4, -1)
    assert torch.equal(flow.x_1[real], tokens[:, [0, 3, 4, 5]][real])
    assert (flow.x_1[~real] == SETTINGS.pad).all() and (flow.x_t[~real] == SETTINGS.pad).all()
    assert flow.t.min() >= 0 and flow.t.max() <= 1 and flow.t.std() > 0.2
    masked = (flow.x_t == SETTINGS.mask)[:, :, :90].float().mean((1, 2))
    torch.testing.assert_close(masked, 1 - flow.t**2, atol=0.12, rtol=0)


def test_sampled_tokens_are_codes_in_the_codecs_order():
    dfpa = randomise(DFPA(SETTINGS, "quadratic")).eval()
    content_logits = torch.randn(3, 2, BATCH.tokens.shape[-1], SETTINGS.vocab)
    condition = dfpa.denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker)
    tokens = dfpa.sample(content_logits, BATCH.token_mask, condition, make_sampler("exact", 3))
    real = BATCH.token_mask
    assert tokens.shape == BATCH.tokens.shape
    assert (tokens.transpose(1, 2)[real] < SETTINGS.vocab).all()
    assert (tokens.transpose(1, 2)[~real] == SETTINGS.pad).all()
    assert torch.equal(tokens[:, 1:3].transpose(1, 2)[real], content_logits.argmax(-1).transpose(1, 2)[real])


def test_a_sampler_of_another_scheduler_is_refused():
    dfpa = DFPA(SETTINGS, "quadratic")
    condition = dfpa.denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker)
    logits = torch.randn(3, 2, BATCH.tokens.shape[-1], SETTINGS.vocab)
    with pytest.raises(ConfigError, match="scheduler"):
        dfpa.sample(logits, BATCH.token_mask, condition, make_sampler("exact", 2, scheduler="linear"))


def test_logits_where_they_are_wanted_are_those_of_all_positions(denoiser):
    x_t, t = torch.randint(0, K, (3, 4, BATCH.tokens.shape[-1])), torch.tensor([0.2, 0.5, 0.9])
    condition = denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker)
    everywhere = denoiser(x_t, t, condition)
    for wanted in (torch.rand(x_t.shape) < 0.3, torch.ones_like(x_t, dtype=torch.bool), torch.zeros_like(x_t) == 1):
        assert_same(denoiser(x_t, t, condition, wanted), everywhere[wanted])


@pytest.mark.parametrize("kept", [0, 4])
def test_attention_that_answers_for_some_positions_hears_all(kept):
    torch.manual_seed(0)
    attention, x = SelfAttention(W, SETTINGS.denoiser_heads), torch.randn(3, 10, W)
    mask, rotation = torch.rand(3, 10) < 0.8, Rotation.at(torch.arange(10).expand(3, 10), W // 2)
    assert_same(attention(x, mask, rotation, first=kept), attention(x, mask, rotation)[:, kept:])


def test_the_plain_denoiser_gives_the_same_logits(denoiser):
    x_t, t = torch.randint(0, K, (3, 4, BATCH.tokens.shape[-1])), torch.tensor([0.2, 0.5, 0.9])
    inputs = PlainInputs(CONTENT, BATCH.token_mask, BATCH.speaker, torch.randn(3, x_t.shape[-1], W))
    prompt = denoiser.prior_prompt(inputs.prior, BATCH.token_mask)
    condition = denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker, prompt)
    real = BATCH.token_mask.unsqueeze(1).expand_as(x_t)
    assert_same(denoiser(x_t, t, condition)[real], plain_logits(denoiser, x_t, t, inputs)[real])


def test_in_bfloat16_it_computes_nearly_the_same_in_the_type_of_its_weights(denoiser):
    x_t, t = torch.randint(0, K, (3, 4, BATCH.tokens.shape[-1])), torch.tensor([0.2, 0.5, 0.9])
    prior = torch.randn(3, x_t.shape[-1], W)

    def logits(network: Denoiser) -> torch.Tensor:
        prompt = network.prior_prompt(prior, BATCH.token_mask)
        condition = network.condition(CONTENT, BATCH.token_mask, BATCH.speaker, prompt)
        assert condition.content.dtype == condition.prompt.dtype == network.dtype
        return network(x_t, t, condition)

    exact = logits(denoiser)
    rounded = logits(denoiser.to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    real = BATCH.token_mask.unsqueeze(1).expand_as(x_t)
    error = (rounded.float() - exact)[real].std() / exact[real].std()
    assert error < 0.03


def test_what_does_not_depend_on_x_t_and_t_is_computed_once(denoiser):
    """Five evaluations: one projection of the speaker, one set of tables, no concatenated projection at all."""
    dfpa = DFPA(SETTINGS, "quadratic").eval()
    calls = Counter()
    for name in ("speaker", "input", "time"):
        getattr(dfpa.denoiser, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    condition = dfpa.denoiser.condition(CONTENT, BATCH.token_mask, BATCH.speaker)
    logits = torch.randn(3, 2, BATCH.tokens.shape[-1], SETTINGS.vocab)
    dfpa.sample(logits, BATCH.token_mask, condition, make_sampler("exact", 5))
    assert calls == {"speaker": 1, "time": 5}


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_a_clip_is_sampled_alike_alone_and_in_a_batch_given_the_same_draws(name, monkeypatch):
    dfpa = randomise(DFPA(SETTINGS, "quadratic")).eval()
    noise = torch.rand(50, 3, 4, BATCH.tokens.shape[-1], generator=torch.Generator().manual_seed(0))

    def sampled(batch, rows: slice) -> torch.Tensor:
        size = batch.tokens.shape[-1]
        draws = iter(noise[:, rows, :, :size])
        monkeypatch.setattr("dubber.flow.sampler.uniform", lambda shape, device, generator: next(draws))
        condition = dfpa.denoiser.condition(CONTENT[rows, :, :size], batch.token_mask, batch.speaker)
        logits = torch.zeros(len(batch.tokens), 2, size, SETTINGS.vocab)
        return dfpa.sample(logits, batch.token_mask, condition, make_sampler(name, 4))

    together = sampled(BATCH, slice(0, 3))
    for row in range(3):
        clip = alone(BATCH, row)
        assert torch.equal(together[row, :, : clip.tokens.shape[-1]], sampled(clip, slice(row, row + 1))[0])
