"""From settings to a codec that is ready to work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

from pydantic import TypeAdapter

from dubber.codec.base import Codec
from dubber.codec.settings import CodecSettings
from dubber.errors import DubberError


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
