"""The settings of a dubbing model: how it samples, what it is fed through, where it comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dubber.codec.settings import CodecSettings
from dubber.media.settings import CropSettings, FeatureSettings
from dubber.settings import Settings


class SynthesisSettings(Settings):
    """The sampler of the flow and its batches."""

    sampler: Literal["euler", "exact", "corrector", "confident"] = Field(
        default="euler", description="how positions are unmasked: the paper's Euler steps of eq. 8, or a better one"
    )
    nfe: int = Field(default=128, ge=1, le=10_000, description="evaluations of the denoiser per clip")
    temperature: float = Field(
        default=1.0, ge=0.01, le=100, description="divides the denoiser's logits; below 1 sharpens them"
    )
    drafts: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="draws per clip, of which the codec speaks the mean: steadier speech, more work",
    )
    precision: Literal["auto", "float32", "bf16"] = Field(
        default="float32",
        description="of the denoiser's arithmetic; auto: bf16 where the device itself multiplies it, float32 elsewhere",
    )
    batch_size: int = Field(default=16, ge=1, description="clips that are dubbed together")
    seed: int = Field(default=0, ge=0, description="seed of the draws, together with the clips' names")
    keep_maps: int = Field(default=4, ge=0, description="clips of each shard whose attention maps are stored")


PAPERS = "euler"  # the paper's sampler

FAST = SynthesisSettings(sampler="confident", nfe=8, temperature=0.8, precision="auto", batch_size=1)
"""For a single dub: the quality of the paper's 128 evaluations in 8 (docs/notebook/sampler.md)."""


class ExternalSettings(Settings):
    """Another system: its speech as files, one per test clip."""

    folder: str = Field(
        min_length=1,
        description="folder of <clip>.wav, .flac or .mp4 files; '{protocol}' in it becomes 1.0 or 2.0, without it "
        "the same speech is scored in both",
    )


class CorpusUse(Settings):
    """A corpus that a model, its codec or its features learned from."""

    name: str = Field(description="key of `corpora`")
    used_for: tuple[str, ...] = Field(description="stage 1, stage 2, codec, features")
    licence: str = Field(description="as the configuration states it")


class PublishedFile(Settings):
    """A published weight file that is part of a model: a row of `config/assets.csv`."""

    name: str
    url: str
    version: str
    sha256: str
    licence: str


class Sources(Settings):
    """Where a model comes from, as far as only the configuration knows."""

    experiment: str = Field(description="key of `experiments`")
    run: str = Field(description="stage1, full, an ablation or a seed")
    corpora: tuple[CorpusUse, ...] = Field(description="every corpus that was learned from")
    backends: dict[str, str] = Field(description="part -> backend")
    weights: tuple[PublishedFile, ...] = Field(default=(), description="published weights")


class BundleSettings(Settings):
    """Everything about a run that its model file does not hold: the rule `bundle` writes it into `dubber.json`."""

    codec: CodecSettings = Field(description="the codec")
    features: FeatureSettings | None = Field(default=None, description="lip and face features; of a student")
    crops: CropSettings | None = Field(default=None, description="face detection and crops; of a student")
    synthesis: SynthesisSettings = Field(description="how the experiment samples")
    sources: Sources = Field(description="where the model comes from")
