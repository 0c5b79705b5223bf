"""Fitting the WORLD codec: a linear voice map and k-means codebooks, on training clips only."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from dubber.codec.settings import WorldSettings
from dubber.codec.world import (
    ACOUSTIC_STAGES,
    CONTENT_STAGES,
    Codebooks,
    VoiceMap,
    World,
    acoustic_target,
    content_target,
    prosody_target,
    residual_quantise,
)
from dubber.codec.world_analysis import Analysis
from dubber.errors import DubberError

log = logging.getLogger(__name__)

BATCH = 4096


def fit_world(clips: Sequence[Analysis], settings: WorldSettings) -> World:
    """Fit the codec on analysed training clips.

    Raises:
        DubberError: there are no clips, or none has a voiced and an unvoiced frame.
    """
    if not clips:
        raise DubberError("The WORLD codec has no training clips to be fitted on.", looked_at="codecs.<name>.fit_on")
    voice = fit_voice(clips, settings.voice_ridge)
    chosen = _choose_frames([len(clip.f0) for clip in clips], settings)
    prosody = _gather([prosody_target(clip, voice, settings) for clip in clips], chosen)
    voiced = _gather([clip.f0 > 0 for clip in clips], chosen)
    if voiced.all() or not voiced.any():
        raise DubberError("The training clips have no voiced or no unvoiced frames.", looked_at=f"{len(clips)} clips")
    content = _gather([content_target(clip) for clip in clips], chosen)
    acoustic = _gather([acoustic_target(clip, voice, settings) for clip in clips], chosen)
    content_books = _residual_books(content, CONTENT_STAGES, settings)
    _, said = residual_quantise(content, content_books)
    acoustic[:, : said.shape[1]] -= said
    books = Codebooks(
        _prosody_book(prosody, voiced, settings),
        settings.unvoiced_codes,
        content_books,
        _residual_books(acoustic, ACOUSTIC_STAGES, settings),
    )
    log.info("world: codebooks fitted on %d frames of %d clips", len(content), len(clips))
    return World(settings, voice, books)


def fit_voice(clips: Sequence[Analysis], ridge: float) -> VoiceMap:
    """Ridge regression from the speaker vector to each clip's mean mel-cepstrum and mean log F0."""
    speakers = np.stack([clip.speaker for clip in clips]).astype(np.float64)
    means = np.stack([_means(clip) for clip in clips])
    pitch = means[:, -1]
    pitch[np.isnan(pitch)] = np.nanmean(pitch)
    centre, target = speakers.mean(axis=0), means.mean(axis=0)
    x, y = speakers - centre, means - target
    weight = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    return VoiceMap(weight.astype(np.float32), (target - centre @ weight).astype(np.float32))


def _means(clip: Analysis) -> np.ndarray:
    voiced = clip.f0 > 0
    log_f0 = np.log(clip.f0[voiced]).mean() if voiced.any() else np.nan
    return np.append(clip.spectrum.mean(axis=0), log_f0).astype(np.float64)


def _choose_frames(lengths: list[int], settings: WorldSettings) -> list[np.ndarray]:
    """For each clip which frames are used: all, or an even random share."""
    share = min(1.0, settings.max_frames / sum(lengths))
    random = np.random.default_rng(settings.seed)
    return [np.flatnonzero(random.random(length) < share) for length in lengths]


def _gather(values: list[np.ndarray], chosen: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([value[frames] for value, frames in zip(values, chosen, strict=True)])


def _prosody_book(prosody: np.ndarray, voiced: np.ndarray, settings: WorldSettings) -> np.ndarray:
    unvoiced = cluster(prosody[~voiced, 1:], settings.unvoiced_codes, settings)
    unvoiced = np.concatenate([np.zeros_like(unvoiced), unvoiced], axis=1)
    return np.concatenate([unvoiced, cluster(prosody[voiced], settings.codes - settings.unvoiced_codes, settings)])


def _residual_books(target: np.ndarray, stages: int, settings: WorldSettings) -> np.ndarray:
    left, books = target.copy(), []
    for _ in range(stages):
        books.append(cluster(left, settings.codes, settings))
        left -= residual_quantise(left, books[-1][None])[1]
    return np.stack(books)


def cluster(vectors: np.ndarray, codes: int, settings: WorldSettings) -> np.ndarray:
    """k-means centroids, float32 [codes, d]; with fewer vectors than codes the last centroid repeats."""
    count = min(codes, len(vectors))
    found = MiniBatchKMeans(
        count,
        random_state=settings.seed,
        batch_size=BATCH,
        max_iter=settings.iterations,
        n_init=1,
        init_size=max(3 * count, BATCH),
        reassignment_ratio=0.0,
    ).fit(vectors)
    centroids = found.cluster_centers_.astype(np.float32)
    return np.concatenate([centroids, np.repeat(centroids[-1:], codes - count, axis=0)])
