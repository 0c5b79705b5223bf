"""From settings to a codec that is ready to work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from dubber.codec.base import Codec
from dubber.codec.settings import CodecSettings
from dubber.errors import DubberError


def parse_codec(text: str) -> CodecSettings:
    """Settings from their JSON text."""
    return TypeAdapter(CodecSettings).validate_json(text)


def load_codec(settings: CodecSettings, files: Sequence[Path | str] = ()) -> Codec:
    """The codec that `settings` names.

    Args:
        files: world: the fitted codec; facodec: encoder and decoder weights, those of the settings where none is given.

    Raises:
        MissingDataError: a file is not there.
        DubberError: a file is damaged or not the codec's, or the number of files is wrong.
    """
    if settings.backend == "world":
        from dubber.codec.world.codec import World

        (file,) = _expect(files, 1, "one file, the fitted codec")
        return World.load(file)
    from dubber.codec.facodec.adapter import FACodec

    files = files or (settings.encoder, settings.decoder)
    encoder, decoder = _expect(files, 2, "two files, the weights of encoder and decoder")
    return FACodec.load(encoder, decoder)


def _expect(files: Sequence[Path | str], count: int, what: str) -> Sequence[Path | str]:
    if len(files) != count:
        raise DubberError(f"The codec needs {what}.", looked_at=[str(file) for file in files])
    return files
