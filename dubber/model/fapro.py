"""FaPro, the face-to-prosody mapper (Sec. 3.4.1): a face's movement -> a prior of the prosody.

Shapes: B batch, F video frames (25/s), T speech tokens (80/s), D content width.
"""

from __future__ import annotations

from torch import Tensor, nn

from dubber.model.layers import ConvNeXt, Convolution, Transformer, Upsampler
from dubber.model.settings import ModelSettings


class FaPro(nn.Module):
    """Convolution -> upsampler -> ConvNeXt V2 -> LayerNorm -> FFT block. One prosody stream (m = 1)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.face = Convolution(settings.face_features, settings.width, settings.feature_kernel)
        self.upsampler = Upsampler(settings)
        self.convnext = ConvNeXt(settings)
        self.transformer = Transformer(settings, settings.fapro_layers)

    def forward(self, faces: Tensor, frame_mask: Tensor, token_mask: Tensor) -> Tensor:
        """faces [B, F, face features], masks bool [B, F] and [B, T] -> the prosody prior z_p [B, T, D]."""
        x = self.upsampler(self.face(faces, frame_mask), frame_mask, token_mask)
        return self.transformer(self.convnext(x, token_mask), token_mask)
