"""The losses of both stages (eqs. 2, 4, 5, 6, 7 and 9), all mean-reduced and in float32.

Shapes: B batch, N phonemes, F video frames, T speech tokens, I rows and J columns of an attention map, K classes,
D content width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from dubber.model.batch import Batch, DubBatch, content_of
from dubber.model.classes import Predicted
from dubber.model.content import Latent
from dubber.model.dfpa import Flow
from dubber.model.dubber import DubberOutput
from dubber.model.durations import alignment_matrix
from dubber.model.settings import ObjectiveSettings, PartsSettings
from dubber.model.tts import TTSOutput

CTC_BLANK = 0


@dataclass(frozen=True)
class Mean:
    """A scalar, and how many values it is the mean of: means of parts of a batch are weighed by it."""

    value: Tensor
    count: Tensor | int


@dataclass(frozen=True)
class Losses:
    """A loss and its parts.

    Attributes:
        names: of the terms; a term of two means is listed twice.
        weights: of each.
        means: float32 [names].
        counts: float32 [names], how many values each is the mean of.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    means: Tensor
    counts: Tensor

    @classmethod
    def of(cls, terms: Mapping[str, Mean | list[Mean]], weights: Mapping[str, float]) -> Self:
        """From each term's mean, or means that are added. A part that is switched off is absent."""
        flat = [
            (name, mean) for name, found in terms.items() for mean in (found if isinstance(found, list) else [found])
        ]
        means = torch.stack([mean.value for _, mean in flat])
        counts = torch.stack([torch.as_tensor(mean.count, device=means.device).float() for _, mean in flat])
        names = tuple(name for name, _ in flat)
        return cls(names, tuple(weights[name] for name in names), means, counts)

    @property
    def total(self) -> Tensor:
        """The weighted sum, a scalar."""
        return torch.stack([weight * mean for weight, mean in zip(self.weights, self.means, strict=True)]).sum()

    @property
    def terms(self) -> dict[str, Tensor]:
        """Each part by name, a scalar, unweighted."""
        found: dict[str, Tensor] = {}
        for name, mean in zip(self.names, self.means, strict=True):
            found[name] = found[name] + mean if name in found else mean
        return found

    def scaled(self, factors: Tensor) -> Self:
        """The same with every mean times its factor, [names]."""
        return replace(self, means=self.means * factors)


def stage1_losses(output: TTSOutput, batch: Batch, objective: ObjectiveSettings) -> Losses:
    """Eq. 9: durations, content and discrete flow matching of the zero-shot TTS."""
    terms = {
        "duration": Mean(
            duration_loss(output.log_durations, batch.token_durations, batch.phoneme_mask), batch.phoneme_mask.sum()
        ),
        "content": Mean(content_loss(output.content, batch.tokens, batch.token_mask), batch.token_mask.sum()),
        "flow": Mean(flow_matching_loss(output.flow, batch.token_mask), batch.token_mask.sum()),
    }
    return Losses.of(terms, objective.stage1.model_dump())


def stage2_losses(output: DubberOutput, batch: DubBatch, objective: ObjectiveSettings, parts: PartsSettings) -> Losses:
    """Eq. 7: alignment (eqs. 2 and 4), content, CTC, distillation and discrete flow matching."""
    tokens, clips = batch.token_mask.sum(), len(batch.clips)
    terms: dict[str, Mean | list[Mean]] = {
        "content": Mean(content_loss(output.content, batch.tokens, batch.token_mask), tokens),
        "flow": Mean(flow_matching_loss(output.flow, batch.token_mask), tokens),
    }
    if output.ctc_logits is not None:
        ctc = ctc_loss(output.ctc_logits, batch.token_mask, batch.phonemes, batch.phoneme_mask)
        terms["ctc"] = Mean(ctc, clips)
    if output.teacher is not None and objective.distillation == "aligned":
        terms["distillation"] = Mean(aligned_distillation_loss(output.z, batch.token_mask, output.teacher), tokens)
    elif output.teacher is not None:
        terms["distillation"] = Mean(distillation_loss(output.z, batch.token_mask, output.teacher), clips)
    maps = {
        "video_text": (parts.video_text, output.attention_vt, batch.frame_durations),
        "speech_text": (parts.speech_text, output.attention_st, batch.token_durations),
    }
    for name, (present, attention, durations) in maps.items():
        if present:
            matrix = alignment_matrix(durations, attention.shape[1])
            terms[name] = alignment_means(attention, matrix, batch.phoneme_mask, objective)
    return Losses.of(terms, objective.stage2.model_dump())


def duration_loss(log_durations: Tensor, durations: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of log(d + 1) over the real phonemes.

    Args:
        log_durations: [B, N], predicted.
        durations: int64 [B, N], tokens.
        mask: bool [B, N].
    """
    error = log_durations.float() - torch.log1p(durations.float())
    return error[mask].square().mean()


def content_loss(codes: Predicted, tokens: Tensor, mask: Tensor) -> Tensor:
    """Eq. 6: cross-entropy of the two content streams over the real positions.

    Args:
        codes: of the two content streams, V classes.
        tokens: int64 [B, 6, T].
        mask: bool [B, T].
    """
    return _mean_cross_entropy([codes], content_of(tokens), mask)


def flow_matching_loss(flow: Flow, mask: Tensor) -> Tensor:
    """L_DFM = -E_t log p_{1|t}(x_1^i | x_t, c), over all real positions i, still [MASK] in x_t or not; mask [B, T]."""
    return _mean_cross_entropy(flow.predicted, flow.x_1, mask)


def ctc_loss(logits: Tensor, token_mask: Tensor, phonemes: Tensor, phoneme_mask: Tensor) -> Tensor:
    """CTC of the speech-rate hidden states against the phonemes, per phoneme; clips too short for their text count 0.

    Args:
        logits: [B, T, phonemes], index 0 the blank.
        token_mask: bool [B, T].
        phonemes: int64 [B, N].
        phoneme_mask: bool [B, N].
    """
    return F.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        phonemes,
        token_mask.sum(1),
        phoneme_mask.sum(1),
        blank=CTC_BLANK,
        zero_infinity=True,
    )


def distillation_loss(z: Tensor, mask: Tensor, teacher: Latent) -> Tensor:
    """1 - cos(mean_t z_student, mean_t z_teacher), mean over clips.

    Args:
        z: z_student [B, T, D].
        mask: bool [B, T].
        teacher: z_teacher [B, T', D] with its own mask [B, T'].
    """
    student, target = _mean_over_time(z, mask), _mean_over_time(teacher.z, teacher.mask).detach()
    return (1 - F.cosine_similarity(student, target, dim=-1)).mean()


def aligned_distillation_loss(z: Tensor, mask: Tensor, teacher: Latent) -> Tensor:
    """1 - cos(z_student, z_teacher) of each token, mean over the real ones.

    Args:
        z: z_student [B, T, D].
        mask: bool [B, T].
        teacher: z_teacher at the aligner's durations, [B, T, D] with the same mask.
    """
    return (1 - F.cosine_similarity(z.float(), teacher.z.detach().float(), dim=-1))[mask].mean()


def alignment_loss(attention: Tensor, matrix: Tensor, phoneme_mask: Tensor, objective: ObjectiveSettings) -> Tensor:
    """Eq. 2 (video and text) or eq. 4 (speech and text), in the direction or directions that are set.

    Args:
        attention: A [B, I, N], weights of each frame or token over the phonemes.
        matrix: M bool [B, I, N]; padded frames belong to no phoneme.
        phoneme_mask: bool [B, N].
    """
    return torch.stack([mean.value for mean in alignment_means(attention, matrix, phoneme_mask, objective)]).sum()


def alignment_means(
    attention: Tensor, matrix: Tensor, phoneme_mask: Tensor, objective: ObjectiveSettings
) -> list[Mean]:
    """As `alignment_loss`, of the same A [B, I, N] and M [B, I, N], as a mean over rows for each direction."""
    means, tau = [], objective.temperature
    if objective.contrast in ("frames", "both"):
        means.append(Mean(contrastive_loss(attention, matrix, phoneme_mask, tau), matrix.any(-1).sum()))
    if objective.contrast in ("phonemes", "both"):
        swapped = matrix.transpose(1, 2)
        loss = contrastive_loss(attention.transpose(1, 2), swapped, matrix.any(-1), tau)
        means.append(Mean(loss, swapped.any(-1).sum()))
    return means


def contrastive_loss(scores: Tensor, positive: Tensor, column_mask: Tensor, tau: float) -> Tensor:
    """The mean over rows i of -log(sum_j M_ij exp(A_ij / tau) / sum_j exp(A_ij / tau)).

    Args:
        scores: A [B, I, J].
        positive: M bool [B, I, J]; a row without a positive is skipped.
        column_mask: bool [B, J]; padded columns are in neither sum.
        tau: temperature.
    """
    rows = positive.any(-1)
    if not rows.any():
        return scores.sum() * 0.0
    logits = (scores.float() / tau).masked_fill(~column_mask.unsqueeze(1), -torch.inf)[rows]
    matched = logits.masked_fill(~positive[rows], -torch.inf)
    return (logits.logsumexp(-1) - matched.logsumexp(-1)).mean()


def _mean_cross_entropy(predicted: Sequence[Predicted], targets: Tensor, mask: Tensor) -> Tensor:
    """Streams side by side, targets int64 [B, streams, T], mask bool [B, T] -> mean over the real positions."""
    parts = targets.split([one.hidden.shape[1] for one in predicted], dim=1)
    sums = [one.cross_entropy(part, mask) for one, part in zip(predicted, parts, strict=True)]
    return torch.stack(sums).sum() / (mask.sum() * targets.shape[1])


def _mean_over_time(z: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D], mask bool [B, T] -> float32 [B, D], the mean over the real positions."""
    real = mask.unsqueeze(-1).float()
    return (z.float() * real).sum(1) / real.sum(1)
