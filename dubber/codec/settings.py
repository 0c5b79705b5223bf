"""Which codec speaks, and how the embedded one is fitted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dubber.settings import Settings


class AnalysisSettings(Settings):
    """WORLD analysis of a clip."""

    sample_rate: int = Field(default=16_000, ge=8000, description="Hz")
    token_rate: int = Field(default=80, ge=1, description="frames, and so tokens, per second")
    pitch: Literal["harvest", "dio"] = Field(
        default="harvest", description="F0 tracker; dio is faster and costs similarity and naturalness"
    )
    floor: float = Field(default=65.0, gt=0, description="lowest F0, Hz")
    ceiling: float = Field(default=480.0, gt=0, description="highest F0, Hz")
    order: int = Field(default=32, ge=4, description="mel-cepstral coefficients, c0 among them")


class WorldSettings(Settings):
    """Codebooks of the WORLD codec."""

    analysis: AnalysisSettings = Field(default=AnalysisSettings(), description="what is quantised")
    codes: int = Field(default=1024, ge=8, description="V, codes of every stream")
    unvoiced_codes: int = Field(default=96, ge=1, description="prosody codes for unvoiced frames; the rest are voiced")
    pitch_weight: float = Field(default=8.0, gt=0, description="what one unit of log F0 counts beside one of energy")
    aperiodicity_weight: float = Field(default=0.05, gt=0, description="what one dB of aperiodicity counts")
    voice_ridge: float = Field(
        default=1.0, gt=0, description="ridge of the map from the speaker vector to the voice's mean spectrum and pitch"
    )
    max_frames: int = Field(default=120_000, ge=100, description="training frames that the codebooks are fitted on")
    iterations: int = Field(default=60, ge=1, description="passes of mini-batch k-means")
    seed: int = Field(default=0, ge=0, description="seed of the choice of frames and of k-means")


class FACodecSettings(Settings):
    """Where FACodec's published weights lie."""

    encoder: str = Field(default="downloads/facodec/ns3_facodec_encoder.bin", description="encoder weights")
    decoder: str = Field(default="downloads/facodec/ns3_facodec_decoder.bin", description="decoder weights")


class CodecSettings(Settings):
    """One codec."""

    backend: Literal["world", "facodec"] = Field(default="world", description="embedded (world) or reference (facodec)")
    fit_on: tuple[str, ...] = Field(
        default=(), description="world: corpora whose training clips the codebooks are fitted on"
    )
    world: WorldSettings = Field(default=WorldSettings(), description="backend world")
    facodec: FACodecSettings = Field(default=FACodecSettings(), description="backend facodec")
