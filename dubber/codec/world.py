"""The embedded codec: WORLD parameters in fitted codebooks.

prosody  p       voicing, log F0 and energy (c0)
content  c1, c2  two residual stages over the mel-cepstrum c1.., without the utterance's mean
acoustic a1..a3  three residual stages over what content leaves of the mel-cepstrum, and the aperiodicity

Mean spectrum and mean pitch of a voice follow from its speaker vector by a linear map; prosody and acoustic streams
code the distance from there, so a dub in another voice needs no other tokens. Letters: T tokens, M mel-cepstral
coefficients, A aperiodicity bands, V codes, S speaker width.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from dubber.artifacts import atomic_path
from dubber.codec.base import Tokens
from dubber.codec.settings import WorldSettings
from dubber.codec.world_analysis import SPEAKER_DIM, Analysis, analyse, synthesise
from dubber.errors import DubberError

CONTENT_STAGES, ACOUSTIC_STAGES = 2, 3
STREAMS = 1 + CONTENT_STAGES + ACOUSTIC_STAGES


@dataclass(frozen=True)
class VoiceMap:
    """What a speaker vector tells of a voice: the mean mel-cepstrum and the mean log F0.

    Attributes:
        weight: float32 [S, M + 1].
        bias: float32 [M + 1].
    """

    weight: np.ndarray
    bias: np.ndarray

    def spectrum(self, speaker: np.ndarray) -> np.ndarray:
        """[S] -> the voice's mean mel-cepstrum [M]."""
        return (speaker @ self.weight + self.bias)[:-1]

    def log_f0(self, speaker: np.ndarray) -> float:
        """[S] -> the voice's mean log F0."""
        return float((speaker @ self.weight + self.bias)[-1])


@dataclass(frozen=True)
class Codebooks:
    """Fitted centroids, in the weighted units in which distances are measured.

    Attributes:
        prosody: float32 [V, 2], log F0 and energy; the first `unvoiced` rows are for unvoiced frames (energy only).
        unvoiced: how many they are.
        content: float32 [2, V, M - 1].
        acoustic: float32 [3, V, M - 1 + A].
    """

    prosody: np.ndarray
    unvoiced: int
    content: np.ndarray
    acoustic: np.ndarray


@dataclass(frozen=True)
class World:
    """The codec, ready to encode and decode."""

    settings: WorldSettings
    voice: VoiceMap
    books: Codebooks

    name = "world"
    streams = STREAMS
    speaker_dim = SPEAKER_DIM

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.settings.analysis.sample_rate

    @property
    def token_rate(self) -> int:
        """Tokens per second."""
        return self.settings.analysis.token_rate

    @property
    def vocab(self) -> int:
        """V, codes per stream."""
        return self.settings.codes

    def encode(self, wav: np.ndarray) -> Tokens:
        """float32 [samples] in -1..1 -> ids int64 [6, T] and the speaker vector.

        Raises:
            ClipError: the clip is too short or silent.
        """
        return self.quantise(analyse(wav, self.settings.analysis))

    def quantise(self, analysis: Analysis) -> Tokens:
        """The nearest codes of an analysed clip."""
        prosody = self._nearest_prosody(analysis)
        content, target = content_target(analysis), acoustic_target(analysis, self.voice, self.settings)
        content_ids, said = residual_quantise(content, self.books.content)
        target[:, : said.shape[1]] -= said
        acoustic_ids, _ = residual_quantise(target, self.books.acoustic)
        return Tokens(np.concatenate([prosody[None], content_ids, acoustic_ids]), analysis.speaker)

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids int [6, T], speaker [S] -> float32 [T * sample_rate / token_rate] in -1..1.

        Raises:
            DubberError: an id is not a code.
        """
        if ids.min() < 0 or ids.max() >= self.vocab:
            raise DubberError(f"Token ids must be in 0..{self.vocab - 1}.", looked_at=f"{ids.min()}..{ids.max()}")
        pitch, energy = self.books.prosody[ids[0]].T
        voiced = ids[0] >= self.books.unvoiced
        log_f0 = pitch / self.settings.pitch_weight + self.voice.log_f0(speaker)
        mean = self.voice.spectrum(speaker)
        content = _look_up(self.books.content, ids[1 : 1 + CONTENT_STAGES])
        acoustic = _look_up(self.books.acoustic, ids[1 + CONTENT_STAGES :])
        bands = content.shape[1]
        spectrum = np.concatenate([energy[:, None] + mean[0], content + acoustic[:, :bands] + mean[1:]], axis=1)
        aperiodicity = acoustic[:, bands:] / self.settings.aperiodicity_weight
        return synthesise(np.where(voiced, np.exp(log_f0), 0.0), spectrum, aperiodicity, self.settings.analysis)

    def _nearest_prosody(self, analysis: Analysis) -> np.ndarray:
        target, voiced = prosody_target(analysis, self.voice, self.settings), analysis.f0 > 0
        split = self.books.unvoiced
        ids = np.empty(len(target), np.int64)
        ids[~voiced] = nearest(target[~voiced, 1:], self.books.prosody[:split, 1:])
        ids[voiced] = split + nearest(target[voiced], self.books.prosody[split:])
        return ids

    def save(self, path: Path | str) -> None:
        """One safetensors file, with the settings in its metadata."""
        tensors = {
            "voice.weight": self.voice.weight,
            "voice.bias": self.voice.bias,
            "prosody": self.books.prosody,
            "content": self.books.content,
            "acoustic": self.books.acoustic,
        }
        metadata = {"settings": self.settings.model_dump_json(), "unvoiced": str(self.books.unvoiced)}
        with atomic_path(path) as temporary:
            save_file(
                {k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()}, temporary, metadata=metadata
            )

    @classmethod
    def load(cls, path: Path | str) -> World:
        """Read what `save` wrote.

        Raises:
            DubberError: the file is missing or not a fitted WORLD codec.
        """
        try:
            with safe_open(str(path), framework="numpy") as file:
                about = file.metadata()
                read = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return cls(
                WorldSettings.model_validate(json.loads(about["settings"])),
                VoiceMap(read["voice.weight"], read["voice.bias"]),
                Codebooks(read["prosody"], int(about["unvoiced"]), read["content"], read["acoustic"]),
            )
        except Exception as error:
            raise DubberError(
                f"A fitted codec cannot be read: {error}", looked_at=path, hint="Delete it and run again."
            ) from error


def prosody_target(analysis: Analysis, voice: VoiceMap, settings: WorldSettings) -> np.ndarray:
    """[T, 2]: weighted log F0 above the voice's mean (0 where unvoiced), energy above the voice's mean."""
    voiced = analysis.f0 > 0
    log_f0 = np.log(np.where(voiced, analysis.f0, 1.0)) - voice.log_f0(analysis.speaker)
    energy = analysis.spectrum[:, 0] - voice.spectrum(analysis.speaker)[0]
    return np.stack([np.where(voiced, log_f0 * settings.pitch_weight, 0.0), energy], axis=1).astype(np.float32)


def content_target(analysis: Analysis) -> np.ndarray:
    """[T, M - 1]: the mel-cepstrum c1.. without the utterance's mean."""
    return analysis.spectrum[:, 1:] - analysis.spectrum[:, 1:].mean(axis=0)


def acoustic_target(analysis: Analysis, voice: VoiceMap, settings: WorldSettings) -> np.ndarray:
    """[T, M - 1 + A]: the mel-cepstrum c1.. above the voice's mean, and the weighted aperiodicity.

    What content says of the former is subtracted before it is quantised.
    """
    spectrum = analysis.spectrum[:, 1:] - voice.spectrum(analysis.speaker)[1:]
    return np.concatenate([spectrum, analysis.aperiodicity * settings.aperiodicity_weight], axis=1).astype(np.float32)


def residual_quantise(target: np.ndarray, books: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T, d] and [stages, V, d] -> ids int64 [stages, T] and their sum [T, d]: each stage codes what is left."""
    left, ids = target.copy(), []
    for book in books:
        ids.append(nearest(left, book))
        left -= book[ids[-1]]
    return np.stack(ids), target - left


def nearest(vectors: np.ndarray, book: np.ndarray) -> np.ndarray:
    """[T, d], [V, d] -> int64 [T], the nearest row of the book."""
    if not len(vectors):
        return np.zeros(0, np.int64)
    distance = (book**2).sum(axis=1)[None] - 2 * vectors @ book.T
    return distance.argmin(axis=1)


def _look_up(books: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return sum(book[row] for book, row in zip(books, ids, strict=True))
