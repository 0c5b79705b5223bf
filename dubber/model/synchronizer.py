"""The Synchronizer (Sec. 3.4.2): which phoneme is spoken in which video frame, and so in which speech token.

Shapes: B batch, N phonemes, F video frames (25/s), T speech tokens (80/s), D content width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from dubber.model.durations import regulate_length, search_durations
from dubber.model.layers import ConvNeXt, Convolution, CrossTransformer, Upsampler, masked
from dubber.model.products import Linear
from dubber.model.settings import ModelSettings


@dataclass(frozen=True)
class Synchronized:
    """What the Synchronizer gives.

    Attributes:
        hidden: H_sync [B, T, D].
        attention_vt: A_vt float32 [B, F, N], of each video frame over the phonemes.
        attention_st: A_st float32 [B, T, N], of each speech token over the phonemes.
        frame_durations: int64 [B, N], frames per phoneme on the best monotonic path through A_vt.
    """

    hidden: Tensor
    attention_vt: Tensor
    attention_st: Tensor
    frame_durations: Tensor


class Synchronizer(nn.Module):
    """Lips attend to phonemes, the best path spreads the phonemes in time, speech positions attend to them again."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.path_values = settings.alignment_values
        self.lips = Convolution(settings.lip_features, settings.width, settings.feature_kernel)
        self.video_text = CrossTransformer(settings)
        self.expansion = Linear(settings.width, settings.width)
        self.upsampler = Upsampler(settings)
        self.speech_text = CrossTransformer(settings)
        self.convnext = ConvNeXt(settings)

    def forward(
        self, lips: Tensor, frame_mask: Tensor, phonemes: Tensor, phoneme_mask: Tensor, token_mask: Tensor
    ) -> Synchronized:
        """lips [B, F, lip features], encoded phonemes [B, N, D], masks bool [B, F], [B, N], [B, T]."""
        video = self.video_text(self.lips(lips, frame_mask), frame_mask, phonemes, phoneme_mask)
        durations = search_durations(video.weights, frame_mask, phoneme_mask, self.path_values)
        expanded = self.expansion(regulate_length(phonemes, durations, lips.shape[1]))
        h_v = masked(video.values + expanded, frame_mask)
        speech = self.speech_text(self.upsampler(h_v, frame_mask, token_mask), token_mask, phonemes, phoneme_mask)
        return Synchronized(self.convnext(speech.values, token_mask), video.weights, speech.weights, durations)
