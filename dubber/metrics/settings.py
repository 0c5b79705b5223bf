"""What is measured, by which backend, with which options. Bootstrap intervals belong to the table (`dubber.report`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dubber.settings import Settings


class WerSettings(Settings):
    """Word error rate of a recogniser that listens to the dub."""

    name: Literal["wer"] = Field(default="wer", description="the metric")
    backend: Literal["pocketsphinx", "whisper"] = Field(
        default="pocketsphinx", description="pocketsphinx: embedded; whisper: large-v3 through faster-whisper"
    )
    grammar: Literal["grid", "lm"] = Field(
        default="grid", description="pocketsphinx only: the corpus's sentence grammar, or a general language model"
    )
    weights: str | None = Field(
        default=None, description="whisper only: folder of a faster-whisper (CTranslate2) model; never downloaded"
    )
    beam: int = Field(default=5, ge=1, description="whisper only: beam width")


class SecsSettings(Settings):
    """Speaker similarity: cosine of GE2E vectors, times 100, with the reference speech of the setting."""

    name: Literal["secs"] = Field(default="secs", description="the metric")
    backend: Literal["resemblyzer"] = Field(default="resemblyzer", description="GE2E weights inside the package")


class DnsmosSettings(Settings):
    """Naturalness by DNSMOS (overall score). It is not UTMOS and stands in its own column."""

    name: Literal["dnsmos"] = Field(default="dnsmos", description="the metric")
    backend: Literal["speechmos"] = Field(default="speechmos", description="DNSMOS P.835 weights inside the package")


class PitchSettings(Settings):
    """GPE, VDE and FFE against the clip's own recording; one F0 extractor for every system."""

    name: Literal["pitch"] = Field(default="pitch", description="the metric (three columns: GPE, VDE, FFE)")
    backend: Literal["dio", "harvest"] = Field(
        default="dio", description="WORLD's F0 extractor, refined by stonemask; harvest is slower and steadier"
    )
    floor: float = Field(default=60.0, gt=0, description="lowest F0, Hz")
    ceiling: float = Field(default=500.0, gt=0, description="highest F0, Hz")
    frame_ms: float = Field(default=5.0, gt=0, description="hop between F0 frames, ms")
    tolerance: float = Field(default=0.2, gt=0, description="relative F0 deviation over which a frame is a gross error")


class RtfSettings(Settings):
    """Real-time factor: wall time of synthesis over the length of the audio."""

    name: Literal["rtf"] = Field(default="rtf", description="the metric")
    backend: Literal["clock"] = Field(default="clock", description="times that the synthesis step wrote down")


MetricSettings = Annotated[
    WerSettings | SecsSettings | DnsmosSettings | PitchSettings | RtfSettings, Field(discriminator="name")
]
