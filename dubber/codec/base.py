"""The interface that every codec implements, and the codecs by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

import numpy as np
from pydantic import TypeAdapter

from dubber.codec.settings import CodecSettings
from dubber.errors import DubberError


@dataclass(frozen=True)
class Tokens:
    """A clip in the codec's language.

    Attributes:
        ids: int64 [6, T], streams in the order p, c1, c2, a1, a2, a3, values in 0..V-1.
        speaker: float32 [S], the timbre vector.
    """

    ids: np.ndarray
    speaker: np.ndarray


class Codec(Protocol):
    """Speech as six streams of codes and a speaker vector, and back. Its rates and sizes are asked, never assumed."""

    @property
    def name(self) -> str:
        """The backend that a result names: "world" or "facodec"."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def token_rate(self) -> int:
        """Tokens per second."""
        ...

    @property
    def streams(self) -> int:
        """6, in the order p, c1, c2, a1, a2, a3."""
        ...

    @property
    def vocab(self) -> int:
        """V, codes per stream."""
        ...

    @property
    def speaker_dim(self) -> int:
        """S, width of the speaker vector."""
        ...

    def encode(self, wav: np.ndarray) -> Tokens:
        """wav float32 [samples] in -1..1 -> `Tokens` with T = round(samples * token_rate / sample_rate)."""
        ...

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids [6, T], speaker [S] -> float32 [T * sample_rate / token_rate] in -1..1.

        Of drafts [J, 6, T] of one utterance the mean is spoken, taken where means of speech make sense: of what the
        codes mean, not of samples.
        """
        ...


def parse_codec(text: str) -> CodecSettings:
    """Settings from their JSON text."""
    return TypeAdapter(CodecSettings).validate_json(text)


# By name: only a run that uses a codec imports it.
BACKENDS = {"world": "dubber.codec.world.codec:World", "facodec": "dubber.codec.facodec.adapter:FACodec"}
FILES = {"world": "the fitted codec", "facodec": "the weights of the encoder, the weights of the decoder"}


def load_codec(settings: CodecSettings, files: Sequence[Path | str] = ()) -> Codec:
    """The codec that `settings` names.

    Args:
        files: as `FILES` lists them; published weights are those of the settings if none are given.

    Raises:
        MissingDataError: a file is missing.
        DubberError: a file is damaged or not the codec's, or the number of files is wrong.
    """
    files, wanted = files or (settings.needed.paths if settings.needed else ()), FILES[settings.backend]
    if len(files) != len(wanted.split(", ")):
        raise DubberError(f"The codec needs {wanted}.", looked_at=[str(file) for file in files])
    return resolve_name(BACKENDS[settings.backend]).load(*files)
