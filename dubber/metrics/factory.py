"""From a metric's settings to the loaded metric; packages and weights are loaded only for what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dubber.metrics.base import Metric
from dubber.metrics.settings import (
    AvSyncSettings,
    DistillMosSettings,
    DnsmosSettings,
    EmotionSettings,
    MetricSettings,
    PitchSettings,
    RtfSettings,
    SecsSettings,
    SyncSettings,
    UtmosSettings,
    WerSettings,
)

if TYPE_CHECKING:
    from dubber.metrics.wer import Recogniser


def build_metric(settings: MetricSettings, *, sync_weights: Path | str | None = None) -> Metric:
    """Load one metric. `sync_weights` are the fitted encoders of the backend "embedded".

    Raises:
        MissingDataError: a weight file is missing.
        DubberError: a weight file is not the published one.
        DubberError: the package of an optional backend is not installed.
    """
    match settings:
        case WerSettings():
            from dubber.metrics.wer import Wer

            return Wer(_recogniser(settings), settings.column, settings.normaliser)
        case SecsSettings(backend="dvector"):
            from dubber.metrics.secs_dvector import DvectorSecs

            return DvectorSecs(settings)
        case SecsSettings():
            from dubber.metrics.secs import Secs

            return Secs(settings.column)
        case DnsmosSettings():
            from dubber.metrics.naturalness import Dnsmos

            return Dnsmos()
        case DistillMosSettings():
            from dubber.metrics.distillmos import DistillMosOpinion

            return DistillMosOpinion(settings)
        case PitchSettings():
            from dubber.metrics.pitch import Pitch

            return Pitch(settings)
        case UtmosSettings():
            from dubber.metrics.utmos import Utmos

            return Utmos(settings)
        case EmotionSettings():
            from dubber.metrics.emotion import EmotionSimilarity

            return EmotionSimilarity(settings)
        case SyncSettings() | AvSyncSettings():
            return _sync(settings, sync_weights)
        case RtfSettings():
            from dubber.metrics.rtf import Rtf

            return Rtf()


def _sync(settings: SyncSettings | AvSyncSettings, weights: Path | str | None) -> Metric:
    """The metrics that look at the lips, by the fitted encoders or by published networks."""
    match settings:
        case SyncSettings(backend="syncnet"):
            from dubber.metrics.lse_syncnet import SyncnetLse

            return SyncnetLse(settings)
        case SyncSettings():
            from dubber.metrics.lse import Lse

            return Lse(settings, weights)
        case AvSyncSettings(backend="avhubert"):
            from dubber.metrics.av_sync_hubert import AvHubertSync

            return AvHubertSync(settings)
        case AvSyncSettings():
            from dubber.metrics.av_sync import EmbeddedAvSync

            return EmbeddedAvSync(weights)


def _recogniser(settings: WerSettings) -> Recogniser:
    if settings.backend == "whisper":
        from dubber.metrics.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(settings)
    from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser

    return PocketsphinxRecogniser(settings.grammar)
