"""Sizes of the model, which of its parts exist, what it is trained to do, and what its file says of all that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open

from dubber.errors import DubberError
from dubber.settings import Settings, first_wrong

KEY = "dubber"  # one key: safetensors writes several in no fixed order
Stage = Literal["stage1", "stage2"]  # the zero-shot TTS teacher, the dubbing student


class ModelSettings(Settings):
    """Widths, depths, heads and kernels. The defaults are the paper's; `config/sizes.yaml` has smaller ones."""

    # What the model is fed with and what it speaks.
    lip_features: int = Field(default=512, ge=1, description="width of one video frame's lip features")
    face_features: int = Field(default=256, ge=1, description="width of one video frame's face features")
    speaker_dim: int = Field(default=256, ge=1, description="S, width of the codec's speaker vector")
    vocab: int = Field(default=1024, ge=2, description="V, codes per stream of the codec")
    phoneme_vocabulary: int = Field(default=43, ge=2, description="phoneme symbols, padding (= CTC blank) included")
    frame_rate: int = Field(default=25, ge=1, description="video frames per second")
    token_rate: int = Field(default=80, ge=1, description="speech tokens per second")

    # Feed-forward transformer (FFT) blocks: phoneme encoder, transformer blocks, content predictor.
    width: int = Field(default=256, ge=2, description="D, width of everything that is not the denoiser")
    heads: int = Field(default=4, ge=1, description="attention heads at width D")
    filter: int = Field(default=1024, ge=1, description="inner width of FFT, cross-attention and ConvNeXt-V2 blocks")
    kernels: tuple[int, int] = Field(default=(9, 1), description="kernels of an FFT block's two convolutions, odd")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="dropout of FFT and cross-attention blocks")
    max_positions: int = Field(default=5000, ge=1, description="longest sequence that the sinusoid positions cover")
    phoneme_layers: int = Field(default=2, ge=1, description="FFT blocks of the phoneme encoder")
    transformer_layers: int = Field(default=2, ge=1, description="FFT blocks after the length regulator or the fusion")

    # Duration predictor.
    duration_filter: int = Field(default=1024, ge=1, description="channels of the duration predictor's convolutions")
    duration_kernel: int = Field(default=3, ge=1, description="kernel of the duration predictor's convolutions, odd")
    duration_dropout: float = Field(default=0.5, ge=0, lt=1, description="dropout of the duration predictor")
    max_phoneme_tokens: int = Field(default=80, ge=1, description="longest predicted phoneme, in speech tokens")

    # Denoiser (DFPA).
    denoiser_width: int = Field(default=768, ge=2, description="W, width of the denoiser")
    denoiser_layers: int = Field(default=8, ge=1, description="DiT blocks of the denoiser")
    denoiser_heads: int = Field(default=8, ge=1, description="attention heads of the denoiser")
    denoiser_mlp: int = Field(default=4, ge=1, description="inner width of a DiT block's MLP, as a multiple of W")
    time_features: int = Field(default=256, ge=2, description="sinusoids of the flow time t, even")

    # FaPro and Synchronizer.
    sync_layers: int = Field(default=8, ge=1, description="cross-attention blocks in each half of the Synchronizer")
    attention: Literal["soft", "monotonic"] = Field(
        default="soft", description="the Synchronizer's attention: softmax, or Ma et al.'s expected monotonic one"
    )
    alignment_values: Literal["log", "linear"] = Field(
        default="log", description="what the alignment search adds up: log attention or attention"
    )
    convnext_layers: int = Field(default=8, ge=1, description="ConvNeXt-V2 blocks of FaPro, and of the Synchronizer")
    convnext_kernel: int = Field(default=7, ge=1, description="depthwise kernel of a ConvNeXt-V2 block, odd")
    upsampler_layers: int = Field(default=4, ge=1, description="convolutions between video rate and speech rate")
    feature_kernel: int = Field(default=3, ge=1, description="kernel of the convolutions that read lips and face, odd")
    fapro_layers: int = Field(default=1, ge=1, description="FFT blocks at the end of FaPro")

    @model_validator(mode="after")
    def _divisible(self) -> ModelSettings:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 * heads ({2 * self.heads})")
        if self.denoiser_width % (2 * self.denoiser_heads):
            raise ValueError(
                f"denoiser_width {self.denoiser_width} must be a multiple of 2 * denoiser_heads "
                f"({2 * self.denoiser_heads}): rotary positions turn pairs"
            )
        if self.time_features % 2:
            raise ValueError("time_features must be even: each frequency has a sine and a cosine")
        for name in ("duration_kernel", "convnext_kernel", "feature_kernel"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, so that a convolution keeps the length")
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("kernels must be odd, so that a convolution keeps the length")
        return self

    @property
    def pad(self) -> int:
        """[PAD], the id after the last code."""
        return self.vocab

    @property
    def mask(self) -> int:
        """[MASK], the id after [PAD]."""
        return self.vocab + 1

    @property
    def classes(self) -> int:
        """K: codes, [PAD] and [MASK]."""
        return self.vocab + 2

    def tokens_in(self, frames: Any) -> Any:
        """Speech tokens in a number of video frames (an int or an integer tensor), rounded to the nearest."""
        return (2 * frames * self.token_rate + self.frame_rate) // (2 * self.frame_rate)


class PartsSettings(Settings):
    """Which parts of the student exist (Table 3). A part that is off has no parameters and no loss term."""

    pretraining: bool = Field(default=True, description="start from the stage-1 teacher and freeze its content part")
    video_text: bool = Field(default=True, description="contrastive alignment of lips and phonemes, eq. 2")
    speech_text: bool = Field(default=True, description="contrastive alignment of speech and phonemes, eq. 4")
    distillation: bool = Field(default=True, description="pull the student's content towards the teacher's")
    ctc: bool = Field(default=True, description="CTC on the Synchronizer's output")
    prosody_fusion: bool = Field(default=True, description="the face's prosody prior joins the content (CCTA)")
    fapro: bool = Field(default=True, description="FaPro, the prosody prior from the face; off: nor is it fused")

    @property
    def fuses_prosody(self) -> bool:
        """Whether the prosody prior reaches the content."""
        return self.fapro and self.prosody_fusion


class Stage1Weights(Settings):
    """Weights of eq. 9, the loss of the zero-shot TTS."""

    duration: float = Field(default=0.5, ge=0, description="weight of the squared error of log(d + 1)")
    content: float = Field(default=1.0, ge=0, description="weight of the content cross-entropy, eq. 6")
    flow: float = Field(default=1.0, ge=0, description="weight of the discrete flow matching loss")


class Stage2Weights(Settings):
    """Weights of eq. 7, the loss of the dubbing student."""

    content: float = Field(default=1.0, ge=0, description="lambda 1, content cross-entropy, eq. 6")
    ctc: float = Field(default=1.0, ge=0, description="lambda 2, CTC per target phoneme")
    distillation: float = Field(default=1.0, ge=0, description="lambda 3, distillation")
    flow: float = Field(default=1.0, ge=0, description="lambda 4, discrete flow matching")
    video_text: float = Field(default=1.0, ge=0, description="lambda 5, contrastive alignment of lips and phonemes")
    speech_text: float = Field(default=1.0, ge=0, description="lambda 6, contrastive alignment of speech and phonemes")


STAGE1_ONLY = {"prompt_share", "stage1"}
STAGE2_ONLY = {"temperature", "contrast", "distillation", "stage2"}


class ObjectiveSettings(Settings):
    """The probability path and the losses."""

    scheduler: Literal["linear", "quadratic", "cosine"] = Field(
        default="quadratic", description="kappa_t of the probability path; quadratic is the paper's t^2"
    )
    prompt_share: float = Field(
        default=0.3, ge=0, le=1, description="stage 1: length of the prompt as a share of the batch's shortest clip"
    )
    temperature: float = Field(default=0.1, gt=0, description="tau of the contrastive alignment losses, eqs. 2 and 4")
    contrast: Literal["frames", "phonemes", "both"] = Field(
        default="frames",
        description="what the contrastive losses compare: the phonemes of a frame, the frames of a phoneme, or both",
    )
    distillation: Literal["pooled", "aligned"] = Field(
        default="pooled",
        description="what is pulled towards the teacher: z's mean over time, the teacher at its own durations; or "
        "each token's z, the teacher at the aligner's durations",
    )
    stage1: Stage1Weights = Field(default=Stage1Weights(), description="weights of the stage-1 loss")
    stage2: Stage2Weights = Field(default=Stage2Weights(), description="weights of the stage-2 loss")

    def of_stage(self, stage: Stage) -> dict[str, Any]:
        """The settings that one stage uses, as JSON values: a weight of stage 2 must not make stage 1 stale."""
        return self.model_dump(mode="json", exclude=STAGE2_ONLY if stage == "stage1" else STAGE1_ONLY)


class Description(Settings):
    """What a model file says about itself."""

    stage: Stage = Field(description="stage1 is a TTS teacher, stage2 a dubbing student")
    model: ModelSettings = Field(description="sizes")
    objective: ObjectiveSettings = Field(description="losses and flow")
    parts: PartsSettings | None = Field(description="of a student; a teacher has none")
    codec: str = Field(description="name of the codec that the model was trained with")
    features: str | None = Field(description="name of the features; a teacher sees no video")
    fingerprint: str = Field(description="of the run that made the model")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.stage == "stage2") != (self.parts is not None):
            raise ValueError(f"{self.stage}: only a student (stage2) has parts, and it needs them")
        return self

    def to_json(self) -> str:
        """The text that the file stores."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def describe_model(path: Path | str) -> Description:
    """What a model file says of itself.

    Raises:
        DubberError: the file is missing or is not one of our models.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return Description.model_validate_json((file.metadata() or {})[KEY])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = first_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise DubberError(
            f"A model cannot be read: {type(error).__name__}: {reason}",
            looked_at=path,
            hint="Run the Snakemake target that trains it.",
        ) from error
