"""Rule `resynthesise`: the true tokens of a shard's test clips, decoded: the upper bound of every dub."""

from __future__ import annotations

import time

from dubber.artifacts import read_rows
from dubber.codec.base import load_codec
from dubber.codec.settings import CodecSettings
from dubber.media.audio import to_pcm
from dubber.runner import Input, Inputs
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require


def resynthesise(clips: Shard, tokens: Input, codec_files: Inputs, codec: CodecSettings) -> None:
    """Decode each test clip's tokens: what the codec loses here, no model can win back.

    Args:
        clips: the shard; clips of other splits are passed over.
        tokens: of the same shard.
        codec_files: what the codec is loaded from.
        codec: the codec.
    """
    tests, decoder = clips.tests(), load_codec(codec, codec_files)
    stored = by_clip(read_rows(tokens), tests)
    with clips.writer(DUBS, "resynthesise", tests) as shard:
        for clip in tests:
            with shard.clip(clip["clip"]) as row:
                found = require(clip["clip"], stored, "tokens")
                started = time.perf_counter()
                wav = decoder.decode(found["ids"].reshape(decoder.streams, -1).astype("int64"), found["speaker"])
                row |= {"seconds": time.perf_counter() - started, "samples": to_pcm(wav), "n_tokens": found["n_tokens"]}
                row |= {"nfe": 0, "device": "cpu", "batch": 1}
