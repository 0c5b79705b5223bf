"""The codec alone as a system: the true tokens, decoded. No dub can sound better."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.codec.base import Codec
from dubber.dub.schema import DUBS
from dubber.errors import ClipError
from dubber.media.audio import to_pcm


def resynthesise_shard(
    rows: Sequence[Mapping[str, Any]], *, tokens: Path | str, codec: Codec, output: Path | str, max_failed_share: float
) -> ShardResult:
    """Decode the clips' own tokens in their own voice."""
    stored = {row["clip"]: row for row in read_rows(tokens)}

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        found = stored.get(row["clip"])
        if found is None:
            raise ClipError("it has no tokens")
        began = time.perf_counter()
        ids = found["ids"].reshape(codec.streams, found["n_tokens"]).astype("int64")
        samples = codec.decode(ids, found["speaker"])
        return {"samples": to_pcm(samples), "n_tokens": found["n_tokens"], "seconds": time.perf_counter() - began}

    return process_shard(
        rows, work, step="resynthesise", schema=DUBS, output=output, max_failed_share=max_failed_share
    )
