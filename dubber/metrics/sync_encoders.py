"""A small SyncNet: two encoders that map 0.2 s of lips and 0.2 s of sound to the same space.

As in SyncNet, a window is 5 video frames and the 20 mel frames that belong to them; one window starts at every frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dubber.errors import ClipError, MissingDataError
from dubber.files import atomic_path
from dubber.media.pictures import read_grey
from dubber.networks.mel import Mel

FRAMES = 5  # video frames in a window
MELS_PER_FRAME = 4  # mel frames of 10 ms in a video frame of 40 ms
BANDS = 40
MEL = Mel(window=400, hop=160, bands=BANDS, highest=7600)


class SyncEncoders(nn.Module):
    """Lip windows [B, 5, size, size] and mel windows [B, 1, 40, 20] -> unit vectors [B, width]."""

    def __init__(self, width: int, image_size: int) -> None:
        super().__init__()
        self.width, self.image_size = width, image_size
        pixels = -(-image_size // 16)
        self.video = nn.Sequential(
            _block(FRAMES, 32, 2), _block(32, 64, 2), _block(64, 96, 2), _block(96, 96, 2),
            nn.Flatten(), nn.Linear(96 * pixels**2, width),
        )  # fmt: skip
        self.audio = nn.Sequential(
            _block(1, 32, (2, 1)), _block(32, 64, 2), _block(64, 96, 2), _block(96, 96, (2, 1)),
            nn.Flatten(), nn.Linear(96 * (-(-BANDS // 16)) * (FRAMES * MELS_PER_FRAME // 4), width),
        )  # fmt: skip
        self.scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))

    def forward(self, lips: Tensor, mels: Tensor) -> tuple[Tensor, Tensor]:
        """The embeddings [n, width] of lips and of sound, shaped as for the two methods below."""
        return self.embed_video(lips), self.embed_audio(mels)

    def embed_video(self, lips: Tensor) -> Tensor:
        """Windows of lips [n, FRAMES, pixels, pixels] -> unit vectors [n, width]."""
        return nn.functional.normalize(self.video(lips), dim=1)

    def embed_audio(self, mels: Tensor) -> Tensor:
        """Windows of sound [n, 1, BANDS, mel frames] -> unit vectors [n, width]."""
        return nn.functional.normalize(self.audio(mels), dim=1)


def _block(inputs: int, outputs: int, stride: int | tuple[int, int]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def read_lips(jpegs: Sequence[bytes], size: int) -> np.ndarray:
    """F JPEG images -> uint8 [F, size, size], grey.

    Raises:
        ClipError: there are fewer frames than one window holds.
    """
    if len(jpegs) < FRAMES:
        raise ClipError(f"{len(jpegs)} video frames are fewer than the {FRAMES} of one sync window")
    images = [read_grey(jpeg) for jpeg in jpegs]
    return np.stack([cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in images])


def read_mels(wav: np.ndarray, frames: int) -> np.ndarray:
    """wav float32 [samples] at 16 kHz -> log-mel [40, 4 F] for F video frames, zero mean; silence after the end."""
    needed = frames * MELS_PER_FRAME * 160
    wav = np.pad(wav[:needed], (0, max(0, needed - len(wav))))
    power = MEL.power(wav)
    level = np.log(power[:, : frames * MELS_PER_FRAME] + 1e-5)
    return (level - level.mean()).astype(np.float32)


def lip_windows(lips: np.ndarray, starts: Sequence[int] | np.ndarray) -> Tensor:
    """uint8 [F, size, size] -> float32 [starts, 5, size, size], brightness and contrast of the clip taken out."""
    mean, spread = lips.mean(), lips.std() + 1e-3
    return torch.from_numpy(np.stack([(lips[i : i + FRAMES] - mean) / spread for i in starts]).astype(np.float32))


def mel_windows(mels: np.ndarray, starts: Sequence[int] | np.ndarray) -> Tensor:
    """[40, 4 F] -> float32 [starts, 1, 40, 20]."""
    length = FRAMES * MELS_PER_FRAME
    return torch.from_numpy(np.stack([mels[None, :, i * MELS_PER_FRAME :][..., :length] for i in starts]) / 3.0)


def save_encoders(encoders: SyncEncoders, path: Path | str) -> None:
    """Write the weights with their sizes, atomically."""
    sizes = json.dumps({"width": encoders.width, "image_size": encoders.image_size})
    with atomic_path(path) as temporary:
        save_file(encoders.state_dict(), temporary, metadata={"sizes": sizes})


def load_encoders(path: Path | str | None) -> SyncEncoders:
    """Read what `save_encoders` wrote, ready to score.

    Raises:
        MissingDataError: there is no such file.
    """
    if path is None or not Path(path).is_file():
        raise MissingDataError(
            "The fitted sync encoders are missing.",
            looked_at=path or "sync_weights (not given)",
            hint="The workflow fits them on the training split; ask it for the experiment's table.",
        )
    with safe_open(path, "pt") as file:
        encoders = SyncEncoders(**json.loads(file.metadata()["sizes"]))
    encoders.load_state_dict(load_file(path))
    return encoders.eval()
