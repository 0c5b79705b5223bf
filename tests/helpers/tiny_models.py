"""Minute models and random batches for the tests of the model."""

from __future__ import annotations

import torch
from torch import Tensor

from dubber.model.batch import DubBatch
from dubber.model.durations import length_mask
from dubber.model.settings import Description, ModelSettings, ObjectiveSettings, PartsSettings, Stage

OBJECTIVE = ObjectiveSettings()
SETTINGS = ModelSettings(
    lip_features=6,
    face_features=5,
    speaker_dim=4,
    vocab=11,
    phoneme_vocabulary=9,
    width=16,
    heads=2,
    filter=24,
    kernels=(5, 1),
    dropout=0.0,
    phoneme_layers=1,
    transformer_layers=2,
    duration_filter=12,
    duration_dropout=0.0,
    denoiser_width=16,
    denoiser_layers=2,
    denoiser_heads=2,
    time_features=8,
    sync_layers=2,
    convnext_layers=2,
    upsampler_layers=2,
)


def sized(**changes: object) -> ModelSettings:
    """`SETTINGS` with some of them changed."""
    return ModelSettings(**{**SETTINGS.model_dump(), **changes})


def description(stage: Stage, sizes: ModelSettings = SETTINGS, **names: str | None) -> Description:
    """What the file of a minute model says about itself."""
    student = stage == "stage2"
    known = {"codec": "spoken", "features": "random" if student else None, "fingerprint": "f00d"}
    parts = PartsSettings() if student else None
    return Description(stage=stage, model=sizes, objective=OBJECTIVE, parts=parts, **{**known, **names})


def spread(total: int, parts: int, generator: torch.Generator) -> Tensor:
    """`parts` non-negative run lengths that sum to `total`."""
    cuts = torch.randint(0, total + 1, (parts - 1,), generator=generator).sort().values
    edges = torch.cat([torch.tensor([0]), cuts, torch.tensor([total])])
    return edges.diff()


def dub_batch(frames: tuple[int, ...] = (10, 7, 4), phonemes: tuple[int, ...] = (5, 3, 6), seed: int = 0) -> DubBatch:
    """A padded batch with clips of the given sizes; the last of the default clips has more phonemes than frames."""
    g = torch.Generator().manual_seed(seed)
    n_tokens = [SETTINGS.tokens_in(f) for f in frames]
    frame_mask, token_mask, phoneme_mask = (length_mask(torch.tensor(n)) for n in (frames, n_tokens, phonemes))
    b, n, t = len(frames), max(phonemes), max(n_tokens)
    frame_durations, token_durations = torch.zeros(b, n, dtype=torch.long), torch.zeros(b, n, dtype=torch.long)
    for row in range(b):
        frame_durations[row, : phonemes[row]] = spread(frames[row], phonemes[row], g)
        token_durations[row, : phonemes[row]] = spread(n_tokens[row], phonemes[row], g)
    tokens = torch.randint(0, SETTINGS.vocab, (b, 6, t), generator=g)
    return DubBatch(
        clips=tuple(f"clip{row}" for row in range(b)),
        phonemes=torch.randint(1, SETTINGS.phoneme_vocabulary, (b, n), generator=g) * phoneme_mask,
        phoneme_mask=phoneme_mask,
        token_durations=token_durations,
        tokens=tokens.masked_fill(~token_mask.unsqueeze(1), SETTINGS.pad),
        token_mask=token_mask,
        speaker=torch.randn(b, SETTINGS.speaker_dim, generator=g),
        lips=torch.randn(b, max(frames), SETTINGS.lip_features, generator=g) * frame_mask.unsqueeze(-1),
        faces=torch.randn(b, max(frames), SETTINGS.face_features, generator=g) * frame_mask.unsqueeze(-1),
        frame_mask=frame_mask,
        frame_durations=frame_durations,
    )


def alone(batch: DubBatch, row: int) -> DubBatch:
    """One clip of a batch without its padding."""
    n, f, t = (int(mask[row].sum()) for mask in (batch.phoneme_mask, batch.frame_mask, batch.token_mask))
    one = slice(row, row + 1)
    return DubBatch(
        clips=batch.clips[one],
        phonemes=batch.phonemes[one, :n],
        phoneme_mask=batch.phoneme_mask[one, :n],
        token_durations=batch.token_durations[one, :n],
        tokens=batch.tokens[one, :, :t],
        token_mask=batch.token_mask[one, :t],
        speaker=batch.speaker[one],
        lips=batch.lips[one, :f],
        faces=batch.faces[one, :f],
        frame_mask=batch.frame_mask[one, :f],
        frame_durations=batch.frame_durations[one, :n],
    )


def randomise(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Every parameter random, so that no zero or one (GRN's gamma, a norm's bias) hides a mistake."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=g)
            parameter.copy_(parameter + 0.3 * noise if parameter.dim() == 1 else noise / parameter[0].numel() ** 0.5)
    return module


def soiled(x: Tensor, mask: Tensor) -> Tensor:
    """[B, L, ...] with its padding full of large numbers: whoever reads it is found out."""
    return torch.where(mask.unsqueeze(-1), x, 1000.0)


def assert_same(one: Tensor, many: Tensor) -> None:
    torch.testing.assert_close(one, many, atol=2e-5, rtol=1e-4)
