"""Which codec turns speech into tokens, and how the embedded one is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dubber.settings import Needed, Settings

GE2E_DIM = 256  # width of a GE2E vector


class WorldAnalysisSettings(Settings):
    """What is measured in a clip, 80 times a second, before anything is quantised."""

    f0_method: Literal["harvest", "dio"] = Field(
        "harvest", description="F0 tracker: harvest is slow and steady; dio (with stonemask) fast and loses voicing"
    )
    f0_floor: float = Field(60.0, ge=48.0, description="lowest F0 (Hz); 48 is what the spectral analysis can resolve")
    f0_ceiling: float = Field(500.0, gt=100.0, le=1000.0, description="highest F0 (Hz)")
    order: int = Field(40, ge=12, le=80, description="order M of the mel-cepstrum c0..cM")
    voicing_threshold: float = Field(
        0.0, ge=0, le=1, description="D4C's threshold: under it a frame with F0 is unvoiced all the same; 0 trusts F0"
    )
    min_level: float = Field(
        -65.0, le=0, description="a clip whose loudest 50 ms stay under this level (dBFS) is silence"
    )
    active_range: float = Field(
        30.0, gt=0, description="frames no further under a clip's loud frames (dB) count as speech in its mean cepstrum"
    )


class WorldSettings(Settings):
    """The embedded codec: WORLD analysis, residual vector quantisation, WORLD synthesis."""

    backend: Literal["world"] = Field("world", description="embedded: codebooks are fitted by the workflow")
    fit_on: tuple[str, ...] = Field((), description="corpora whose training clips the codebooks are fitted on")
    analysis: WorldAnalysisSettings = Field(WorldAnalysisSettings(), description="what is measured in a clip")
    codes: int = Field(1024, ge=16, description="codes per stream")
    voiced_share: float = Field(0.75, gt=0, lt=1, description="share of the prosody codes for voiced frames")
    f0_weight: float = Field(16.0, gt=0, description="weight of log F0 against log energy in the prosody codebook")
    aperiodicity_weight: float = Field(
        0.1, gt=0, description="weight of 1 dB of aperiodicity in the acoustic codebooks"
    )
    silence_weight: float = Field(0.25, gt=0, le=1, description="weight in fitting of frames that are not speech")
    max_clips: int = Field(2000, ge=1, description="training clips used, chosen by a stable hash")
    max_frames: int = Field(150_000, ge=16, description="frames of those clips used, chosen at random")
    iterations: int = Field(20, ge=1, description="passes of mini-batch k-means per codebook")
    seed: int = Field(0, ge=0, description="seed of the choice of frames and of k-means")

    @property
    def needed(self) -> None:
        """Nothing published is needed."""

    @property
    def speaker_dim(self) -> int:
        """S: GE2E, and the means of log F0, of c_0..c_M and of aperiodicity."""
        return GE2E_DIM + self.analysis.order + 3


class FACodecSettings(Settings):
    """The reference codec: published weights, fetched by a rule of their own."""

    backend: Literal["facodec"] = Field("facodec", description="reference: published weights")
    fit_on: tuple[str, ...] = Field((), max_length=0, description="nothing is fitted")
    encoder: str = Field("downloads/facodec/ns3_facodec_encoder.bin", description="weights of the encoder")
    decoder: str = Field("downloads/facodec/ns3_facodec_decoder.bin", description="weights of the decoder")

    @property
    def needed(self) -> Needed:
        """The published weights."""
        return Needed((self.encoder, self.decoder), "facodec", "a codec with backend: world")

    @property
    def speaker_dim(self) -> int:
        """S: FACodec's timbre vector."""
        return 256


CodecSettings = Annotated[WorldSettings | FACodecSettings, Field(discriminator="backend")]
