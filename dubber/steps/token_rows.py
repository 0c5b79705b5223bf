"""Tokens as rows of an artifact, whichever codec made them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import field
from dubber.codec.base import Tokens

TOKENS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_tokens", pa.int32(), "T, tokens at 80 Hz"),
        field("ids", pa.list_(pa.int16()), "codes [6*T row-major], streams p, c1, c2, a1, a2, a3"),
        field("speaker", pa.list_(pa.float32()), "timbre vector [S]"),
    ]
)


def token_row(made: Tokens) -> dict[str, Any]:
    """Tokens as a row of `TOKENS`, without the clip's name."""
    return {
        "n_tokens": made.ids.shape[1],
        "ids": made.ids.astype(np.int16).ravel(),
        "speaker": made.speaker.astype(np.float32),
    }
