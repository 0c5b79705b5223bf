"""What the forced aligners can be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dubber.settings import Settings


class PocketsphinxSettings(Settings):
    """The embedded aligner. Beams are likelihood ratios: smaller is wider, slower and surer."""

    beam: float = Field(1e-48, gt=0, lt=1, description="HMM state beam of the first attempt")
    word_beam: float = Field(7e-29, gt=0, lt=1, description="word exit beam of the first attempt")
    phone_beam: float = Field(1e-48, gt=0, lt=1, description="phone exit beam of the first attempt")
    retry_beam: float = Field(1e-100, gt=0, lt=1, description="all three beams of the second attempt")
    retry_dither: bool = Field(True, description="add one bit of noise in the second attempt (digital silence)")
    seed: int = Field(1, ge=0, description="seed of that noise")
    offset: float = Field(0.0, description="added to every boundary (s); 0 is best on GRID's own word times")


class MfaSettings(Settings):
    """The reference aligner: Montreal Forced Aligner, run as a command in its own environment."""

    command: str = Field("mfa", description="the executable")
    dictionary: str = Field("english_us_arpa", description="pronunciation dictionary: a model name or a path")
    acoustic_model: str = Field("english_us_arpa", description="acoustic model: a model name or a path")
    beam: int = Field(10, ge=1, description="decoding beam")
    retry_beam: int = Field(40, ge=1, description="decoding beam of the second attempt")
    jobs: int = Field(4, ge=1, description="processes, where the workflow does not say how many")


class AlignSettings(Settings):
    """A forced aligner, and the rates onto which its phone times are rounded."""

    backend: Literal["pocketsphinx", "mfa"] = Field(
        "pocketsphinx", description="embedded (pocketsphinx) or reference (mfa)"
    )
    pocketsphinx: PocketsphinxSettings = Field(PocketsphinxSettings(), description="the embedded aligner")
    mfa: MfaSettings = Field(MfaSettings(), description="the reference aligner")
    frame_rate: float = Field(25, gt=0, description="video frames per second")
    token_rate: float = Field(80, gt=0, description="speech tokens per second")
