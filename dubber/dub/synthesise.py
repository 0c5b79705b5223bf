"""Silent video, text and a voice to speech.

Shapes: B batch, N phonemes, F video frames (25/s), T speech tokens (80/s), S speaker width.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from dubber.codec.base import Codec
from dubber.devices import choose_device, choose_precision
from dubber.dub.settings import SynthesisSettings
from dubber.errors import ClipError, DubberError
from dubber.flow.sampler import Sampler, make_sampler
from dubber.media.audio import to_pcm
from dubber.model.batch import DubInputs, mask, pad
from dubber.model.dubber import Dub, Dubber
from dubber.model.settings import describe_model
from dubber.model.weights import load_model
from dubber.units import SAMPLE_RATE


@dataclass(frozen=True)
class Request:
    """What is known of a clip before it is dubbed.

    Attributes:
        clip: its name.
        phonemes: int64 [N], from the text alone.
        lips, faces: float32 [F, features].
        speaker: float32 [S], of the reference speech.
    """

    clip: str
    phonemes: np.ndarray
    lips: np.ndarray
    faces: np.ndarray
    speaker: np.ndarray

    @property
    def n_frames(self) -> int:
        """F."""
        return len(self.lips)


@dataclass(frozen=True)
class Alignment:
    """How a student aligned a clip.

    Attributes:
        frame_durations: int64 [N], video frames per phoneme.
        attention_vt: float16 [F, N].
        attention_st: float16 [T, N].
    """

    frame_durations: np.ndarray
    attention_vt: np.ndarray
    attention_st: np.ndarray


@dataclass(frozen=True)
class Speech:
    """What was spoken for a request.

    Attributes:
        clip: its name.
        samples: int16 [n], at the codec's rate.
        n_tokens: T.
        seconds: wall time of model and codec.
        nfe: evaluations of the denoiser.
        device: that of the model.
        batch: clips that were spoken together.
        phonemes: int64 [N].
        alignment: a student's; None for a teacher.
    """

    clip: str
    samples: np.ndarray
    n_tokens: int
    seconds: float
    nfe: int
    device: str
    batch: int
    phonemes: np.ndarray
    alignment: Alignment | None


class BaseSynthesiser(ABC):
    """A trained model of one stage with its codec.

    Args:
        model: its model.safetensors.
        codec: the one that it was trained on.
        device: "auto", "cpu", "cuda" or "cuda:<n>".

    Raises:
        DubberError: the file holds no model of this stage, or codec and model do not fit.
    """

    stage: ClassVar[Literal["stage1", "stage2"]]

    def __init__(self, model: Path | str, codec: Codec, settings: SynthesisSettings, device: str = "auto") -> None:
        self.device, self.codec, self.settings = choose_device(device), codec, settings
        self.model: Any = load_model(model, self.stage, self.device)
        if choose_precision(settings.precision, self.device) == "bf16":
            self.model.dfpa.denoiser.to(torch.bfloat16)
        description = describe_model(model)
        self.sizes = description.model
        self.sampler: Sampler = make_sampler(
            settings.sampler, settings.nfe, description.objective.scheduler, settings.temperature
        )
        self._check(model)

    def _check(self, model: Path | str) -> None:
        ours = (self.codec.vocab, self.codec.speaker_dim, self.codec.token_rate, self.codec.sample_rate)
        theirs = (self.sizes.vocab, self.sizes.speaker_dim, self.sizes.token_rate, SAMPLE_RATE)
        if ours != theirs:
            raise DubberError(
                f"Codec '{self.codec.name}' has (codes, speaker width, tokens/s, Hz) {ours}, the model {theirs}.",
                looked_at=model,
                hint="Dub with the codec that the model was trained on, or train it again.",
            )

    def dub(self, requests: Sequence[Any], on_evaluation: Callable[[], None] | None = None) -> list[Speech]:
        """Dub clips together.

        Drafts of a clip are drawn side by side, as more clips would be. The time of the model is shared by length; the
        codec decodes clip by clip and is timed so.

        Args:
            on_evaluation: called after each evaluation of the denoiser.
        """
        started = time.perf_counter()
        drafts = self.settings.drafts
        made = self.speak([request for request in requests for _ in range(drafts)], on_evaluation)
        lengths = made.token_mask.sum(1)[::drafts].tolist()
        model_seconds = time.perf_counter() - started
        spoken = []
        for i, (request, length) in enumerate(zip(requests, lengths, strict=True)):
            first = i * drafts
            started = time.perf_counter()
            samples = self._decode(made.tokens[first : first + drafts, :, :length], request.speaker)
            speech = Speech(
                clip=request.clip,
                samples=samples,
                n_tokens=length,
                seconds=time.perf_counter() - started + model_seconds * length / sum(lengths),
                nfe=self.settings.nfe,
                device=str(self.device),
                batch=len(requests),
                phonemes=request.phonemes,
                alignment=self._alignment(request, made, first, length),
            )
            spoken.append(speech)
        return spoken

    def speak(self, requests: Sequence[Any], on_evaluation: Callable[[], None] | None = None) -> Any:
        """Tokens of each request, drawn together: what `_speak` returns."""
        return self._speak(requests, replace(self.sampler, on_evaluation=on_evaluation))

    @abstractmethod
    def _speak(self, requests: Sequence[Any], sampler: Sampler) -> Any:
        """Run the model; everything comes back on the CPU, so that the time is all in.

        Returns:
            Something with `tokens` int64 [B, 6, T] and `token_mask` bool [B, T].
        """

    def _alignment(self, request: Any, made: Any, i: int, length: int) -> Alignment | None:
        """How clip `i`, of `length` tokens, was aligned; None where nothing was."""
        return None

    def _draws(self, requests: Sequence[Any]) -> torch.Generator:
        """The source of a batch's draws: the same for the same seed and clips."""
        return torch.Generator().manual_seed(_seed(self.settings.seed, [r.clip for r in requests]))

    def _decode(self, drafts: Tensor, speaker: np.ndarray) -> np.ndarray:
        """Drafts int64 [J, 6, T] of a clip's tokens -> samples int16 [n]."""
        return to_pcm(self.codec.decode((drafts if len(drafts) > 1 else drafts[0]).numpy(), speaker))


class Synthesiser(BaseSynthesiser):
    """A trained student with its codec."""

    stage = "stage2"
    model: Dubber

    def request(
        self, clip: str, phonemes: Sequence[int], lips: np.ndarray, faces: np.ndarray, speaker: np.ndarray
    ) -> Request:
        """Gather a clip's inputs.

        Args:
            clip: its name; part of the seed.
            phonemes: N ids.
            lips, faces: [F, features].
            speaker: [S].

        Raises:
            ClipError: the features are not as wide as those that the model was trained on.
        """
        found, wanted = (lips.shape[1], faces.shape[1]), (self.sizes.lip_features, self.sizes.face_features)
        if found != wanted:
            raise ClipError(f"the features have widths {found} (lips, face); the model was trained on {wanted}")
        return Request(
            clip,
            np.asarray(phonemes, np.int64),
            lips.astype(np.float32),
            faces.astype(np.float32),
            np.asarray(speaker, np.float32),
        )

    def _speak(self, requests: Sequence[Request], sampler: Sampler) -> Dub:
        phonemes, lips = [r.phonemes for r in requests], [r.lips for r in requests]
        inputs = DubInputs(
            lips=pad(lips).to(self.device),
            faces=pad([r.faces for r in requests]).to(self.device),
            frame_mask=mask(lips).to(self.device),
            phonemes=pad(phonemes).to(self.device),
            phoneme_mask=mask(phonemes).to(self.device),
            speaker=pad([r.speaker for r in requests]).to(self.device),
        )
        dub = self.model.dub(inputs, sampler=sampler, generator=self._draws(requests))
        return Dub(**{name: value.cpu() for name, value in vars(dub).items()})

    def _alignment(self, request: Request, made: Dub, i: int, length: int) -> Alignment:
        frames, n = request.n_frames, len(request.phonemes)
        return Alignment(
            frame_durations=made.frame_durations[i, :n].numpy(),
            attention_vt=made.attention_vt[i, :frames, :n].numpy().astype(np.float16),
            attention_st=made.attention_st[i, :length, :n].numpy().astype(np.float16),
        )


def _seed(seed: int, clips: Sequence[str]) -> int:
    text = "\0".join([str(seed), *clips])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
