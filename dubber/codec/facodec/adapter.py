"""FACodec behind the interface that every codec shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from dubber.codec.base import Tokens
from dubber.codec.facodec.decoder import DECODER_FILE, FACodecDecoder
from dubber.codec.facodec.encoder import ENCODER_FILE, FACodecEncoder
from dubber.codec.facodec.loading import SOURCE
from dubber.errors import ClipError, DubberError, MissingDataError


class FACodec:
    """`dubber.codec.base.Codec` by FACodec v1.

    Args:
        encoder, decoder: with their weights loaded.
        device: where both run.
    """

    name = "facodec"
    sample_rate = 16000
    token_rate = 80
    streams = 6
    vocab = 1024
    speaker_dim = 256

    def __init__(self, encoder: FACodecEncoder, decoder: FACodecDecoder, device: torch.device | str = "cpu") -> None:
        self.encoder, self.decoder = encoder.to(device), decoder.to(device)
        self.device = device

    @classmethod
    def load(cls, encoder_path: Path | str, decoder_path: Path | str, device: torch.device | str = "cpu") -> FACodec:
        """Build the codec from two files of the published shape, `.safetensors` or torch's `.bin`.

        Raises:
            MissingDataError: a file is not there.
            DubberError: a file cannot be read or is not the checkpoint of FACodec v1.
        """
        encoder = FACodecEncoder().load_published(read_weights(Path(encoder_path), ENCODER_FILE))
        decoder = FACodecDecoder().load_published(read_weights(Path(decoder_path), DECODER_FILE))
        return cls(encoder, decoder, device)

    @torch.inference_mode()
    def encode(self, wav: np.ndarray) -> Tokens:
        """The clip, cut or padded with silence to a whole number of tokens, as tokens and a voice.

        Args:
            wav: float32 [samples] at 16 kHz in -1..1.

        Returns:
            ids [6, T] with T = round(samples * 80 / 16000), and the timbre vector [256].

        Raises:
            ClipError: the clip is too short for one token, or not all of it is finite.
        """
        n_tokens = round(len(wav) * self.token_rate / self.sample_rate)
        if n_tokens == 0:
            raise ClipError(f"The clip has {len(wav)} samples, too few for one speech token.")
        if not np.isfinite(wav).all():
            raise ClipError("The clip has samples that are not finite numbers.")
        samples = torch.from_numpy(np.array(wav, dtype=np.float32))
        whole = F.pad(samples, (0, n_tokens * self.sample_rate // self.token_rate - len(wav)))
        ids, speaker = self.decoder.quantise(self.encoder(whole.to(self.device).view(1, 1, -1)))
        return Tokens(ids=ids[:, 0].cpu().numpy(), speaker=speaker[0].cpu().numpy())

    @torch.inference_mode()
    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids [6, T] in the voice of speaker [256] -> float32 [200 T] at 16 kHz in -1..1.

        Of drafts [J, 6, T], the mean of their embeddings.
        """
        tokens = torch.from_numpy(np.array(ids, dtype=np.int64)).to(self.device)
        voice = torch.from_numpy(np.array(speaker, dtype=np.float32)).to(self.device)
        drafts = tokens.view(-1, *tokens.shape[-2:]).transpose(0, 1)
        wav = self.decoder.synthesise(self.decoder.embed(drafts).mean(0, keepdim=True), voice.unsqueeze(0))
        return wav[0, 0].cpu().numpy()


def read_weights(path: Path, published_file: str) -> Mapping[str, Tensor]:
    """The dictionary of tensors in a `.safetensors` or a torch file; nothing else is unpickled.

    Args:
        published_file: the name under which the weights are published, for the errors.

    Raises:
        MissingDataError: the file is not there.
        DubberError: it is damaged, or holds anything but tensors by name.
    """
    fetch = f"`dubber fetch facodec` gets {published_file} from {SOURCE}."
    if not path.is_file():
        raise MissingDataError(f"The weights of FACodec, {published_file}, are missing.", looked_at=path, hint=fetch)
    try:
        weights = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # the unpickler stumbles over bytes in many ways
        raise DubberError(
            f"A weight file is damaged, or holds more than tensors: {error}", looked_at=path, hint=fetch
        ) from error
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DubberError("A weight file is not a dictionary of tensors.", looked_at=path, hint=fetch)
    return weights
