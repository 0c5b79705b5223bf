"""Fitting the embedded codec: six codebooks by k-means, and how much voices differ."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dubber.codec.settings import WorldSettings
from dubber.codec.world.analysis import AnalysedClip
from dubber.codec.world.codec import ACOUSTIC_STAGES, CONTENT_STAGES, Relative, World, analyse_clip
from dubber.codec.world.prosody import Prosody, ProsodyQuantiser, weighted
from dubber.codec.world.quantiser import ResidualQuantiser, nearest
from dubber.codec.world.voice import Voice, VoiceScale, voice_of
from dubber.errors import DubberError

log = logging.getLogger(__name__)

BATCH = 4096  # frames
ENERGY_WEIGHT = np.sqrt(2)  # in the mean square level difference c_0 counts twice what c_1.. count


def fit_world(wavs: Iterable[np.ndarray], settings: WorldSettings) -> World:
    """Fit on sounds, each float32 [samples] at 16 kHz in -1..1.

    Raises:
        ClipError: a sound cannot be analysed.
        DubberError: there is no sound.
    """
    return fit_analysed([analyse_clip(wav, settings.analysis) for wav in wavs], settings)


def fit_analysed(
    clips: Sequence[AnalysedClip], settings: WorldSettings, provenance: Mapping[str, str] | None = None
) -> World:
    """Fit on clips that are analysed already. The same clips in the same order and settings give the same codec.

    Raises:
        DubberError: there is no clip.
    """
    if not clips:
        raise DubberError(
            "The codec has no clip to be fitted on.", hint="Name corpora with training clips in `fit_on`."
        )
    voices = [voice_of(clip.analysis, settings.analysis.active_range) for clip in clips]
    frames, importance = gather(clips, voices, settings)
    log.info("fitting codebooks of %d codes on %d frames of %d clips", settings.codes, len(importance), len(clips))
    prosody = fit_prosody(frames.prosody, importance, settings)
    order = settings.analysis.order
    content = fit_residual(frames.content, importance, np.ones(order), CONTENT_STAGES, settings)
    weights = np.concatenate([[ENERGY_WEIGHT], np.ones(order), [settings.aperiodicity_weight]])
    empty = ResidualQuantiser(np.zeros((ACOUSTIC_STAGES, settings.codes, order + 2), np.float32), weights)
    codec = World(settings, prosody, content, empty, VoiceScale.fit(voices), dict(provenance or {}))
    content_ids = content.encode(frames.content)
    left = frames.acoustic - codec.explained(prosody.encode(frames.prosody), content_ids)
    return replace(codec, acoustic=fit_residual(left, importance, weights, ACOUSTIC_STAGES, settings))


def gather(
    clips: Sequence[AnalysedClip], voices: Sequence[Voice], settings: WorldSettings
) -> tuple[Relative, np.ndarray]:
    """At most `max_frames` frames of all clips in one row, relative to their voices, and what each counts [n]."""
    parts = [Relative.of(clip.analysis, voice) for clip, voice in zip(clips, voices, strict=True)]
    active = np.concatenate([clip.analysis.active(settings.analysis.active_range) for clip in clips])
    kept = np.random.default_rng(settings.seed).permutation(len(active))[: settings.max_frames]
    kept.sort()

    def join(arrays: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate(list(arrays))[kept]

    frames = Relative(
        prosody=Prosody(
            voiced=join(part.prosody.voiced for part in parts),
            pitch=join(part.prosody.pitch for part in parts),
            energy=join(part.prosody.energy for part in parts),
        ),
        content=join(part.content for part in parts),
        acoustic=join(part.acoustic for part in parts),
    )
    return frames, np.where(active[kept], 1.0, settings.silence_weight)


def fit_prosody(prosody: Prosody, importance: np.ndarray, settings: WorldSettings) -> ProsodyQuantiser:
    """One codebook for voiced and one for unvoiced frames; importance [T] weighs the frames."""
    voiced_codes = min(max(round(settings.codes * settings.voiced_share), 1), settings.codes - 1)
    speech = prosody.voiced
    voiced = codebook(weighted(prosody, settings.f0_weight)[speech], importance[speech], voiced_codes, settings)
    rest = prosody.energy[~speech, None] if (~speech).any() else prosody.energy[:1, None]
    counts = importance[~speech] if (~speech).any() else importance[:1]
    return ProsodyQuantiser(voiced, codebook(rest, counts, settings.codes - voiced_codes, settings), settings.f0_weight)


def fit_residual(
    vectors: np.ndarray, importance: np.ndarray, weights: np.ndarray, stages: int, settings: WorldSettings
) -> ResidualQuantiser:
    """Codebooks for vectors [n, d], stage after stage."""
    rest = (vectors * weights).astype(np.float32)
    books = []
    for stage in range(stages):
        books.append(codebook(rest, importance, settings.codes, settings, stage))
        rest = rest - books[-1][nearest(rest, books[-1])]
    return ResidualQuantiser(np.stack(books), weights.astype(np.float32))


def codebook(
    vectors: np.ndarray, importance: np.ndarray, codes: int, settings: WorldSettings, stage: int = 0
) -> np.ndarray:
    """k-means centres [codes, d] of vectors [n, d]; of fewer vectors than codes, the vectors over and over.

    A row that repeats an earlier one is never chosen.
    """
    if len(vectors) <= codes:
        return np.resize(vectors, (codes, vectors.shape[1])).astype(np.float32)
    from sklearn.cluster import MiniBatchKMeans  # slow to import, and needed only where codebooks are fitted

    # Whole passes, and first centres by k-means++, take several times longer and sound the same.
    means = MiniBatchKMeans(
        codes,
        init="random",
        n_init=1,
        batch_size=BATCH,
        max_iter=settings.iterations,
        max_no_improvement=None,
        random_state=settings.seed + stage,
    )
    return means.fit(vectors, sample_weight=importance).cluster_centers_.astype(np.float32)
