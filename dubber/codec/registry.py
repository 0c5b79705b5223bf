"""The codec that a configuration names, loaded and ready."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dubber.codec.base import Codec
from dubber.codec.settings import CodecSettings


def parse_codec(text: str) -> CodecSettings:
    """Settings from their JSON text."""
    return CodecSettings.model_validate(json.loads(text))


def load_codec(settings: CodecSettings, files: Sequence[Path | str]) -> Codec:
    """Load a codec from its files: the fitted codec of `world`, encoder and decoder weights of `facodec`.

    Raises:
        DubberError: a file is missing or not what it should be.
    """
    if settings.backend == "facodec":
        from dubber.codec.facodec.adapter import FACodec

        return FACodec.load(*files)
    from dubber.codec.world import World

    return World.load(files[0])
