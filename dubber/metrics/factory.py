"""From a metric's settings to the loaded metric; packages and weights are loaded only for what is asked."""

from __future__ import annotations

from dubber.metrics.base import Metric
from dubber.metrics.settings import (
    DnsmosSettings,
    MetricSettings,
    PitchSettings,
    RtfSettings,
    SecsSettings,
    WerSettings,
)


def build_metric(settings: MetricSettings) -> Metric:
    """Load one metric.

    Raises:
        MissingDataError: a weight file is missing.
        DubberError: the package of an optional backend is not installed.
    """
    match settings:
        case WerSettings():
            from dubber.metrics.wer import Wer

            return Wer(_recogniser(settings))
        case SecsSettings():
            from dubber.metrics.secs import Secs

            return Secs()
        case DnsmosSettings():
            from dubber.metrics.naturalness import Dnsmos

            return Dnsmos()
        case PitchSettings():
            from dubber.metrics.pitch import Pitch

            return Pitch(settings)
        case RtfSettings():
            from dubber.metrics.rtf import Rtf

            return Rtf()


def _recogniser(settings: WerSettings):
    if settings.backend == "whisper":
        from dubber.metrics.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(settings.weights, settings.beam)
    from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser

    return PocketsphinxRecogniser(settings.grammar)
