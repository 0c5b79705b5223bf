"""Rule `fit_codec`: the WORLD codec's codebooks, fitted on training clips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from dubber.artifacts import read_rows
from dubber.codec.settings import WorldSettings
from dubber.codec.world.codec import World
from dubber.codec.world.fit import fit_analysed
from dubber.corpus.split import rank
from dubber.errors import DubberError
from dubber.runner import Inputs, Output
from dubber.steps.analyse import to_clip
from dubber.steps.fit import record_fit, training_clips


def fit_codec(
    analysis: Inputs, manifests: tuple[Path, ...], settings: WorldSettings, identity: str, codec: Output, record: Output
) -> None:
    """Fit the codec and record its inputs and identity.

    Args:
        analysis: analyses of every corpus in `fit_on`.
        manifests: of the same corpora.
        settings: the codec.
        identity: digest of what the fit depends on.
        codec: the file to write.
        record: where inputs and identity are recorded.
    """
    fit_on_clips(analysis, training_clips(manifests), settings).save(codec)
    record_fit(record, identity, analysis)


def fit_on_clips(analyses: Sequence[Path], clips: Collection[str], settings: WorldSettings) -> World:
    """Fit on those of `clips` that were analysed, at most `max_clips` of them, chosen by a stable hash.

    Args:
        analyses: artifacts of `dubber.steps.analyse`; clip names are unique among them.

    Raises:
        DubberError: none of `clips` was analysed.
    """
    wanted = set(clips)
    names: set[str] = set()
    for path in analyses:
        names.update(row["clip"] for row in read_rows(path, ["clip"]) if row["clip"] in wanted)
    if not names:
        raise DubberError(
            "No training clip was analysed, so the codec cannot be fitted.",
            looked_at=", ".join(map(str, analyses)),
            hint="Read the failures files beside these artifacts.",
        )
    chosen = sorted(names, key=lambda name: rank(name, settings.seed))[: settings.max_clips]
    kept = set(chosen)
    found = {row["clip"]: to_clip(row) for path in analyses for row in read_rows(path) if row["clip"] in kept}
    provenance = {
        "clips": str(len(chosen)),
        "clips_sha256": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest(),
        "fit_on": json.dumps(settings.fit_on),
    }
    return fit_analysed([found[name] for name in chosen], settings, provenance)
