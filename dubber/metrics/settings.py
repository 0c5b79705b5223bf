"""What is measured, by which backend, with which options. Bootstrap intervals belong to the table (`dubber.report`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dubber.assets import fetch_command
from dubber.settings import Needed, Settings

WHISPER = "whisper-large-v3"
WHISPER_FILES = {
    WHISPER: ("model.bin", "config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json"),
    "whisper-base": ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"),
}
"""The groups of `config/assets.csv`: Systran's conversions. The older ones have no `preprocessor_config.json`."""
log = logging.getLogger(__name__)

NAME = r"^[A-Za-z][A-Za-z0-9-]*$"  # of a column
OPTIONAL = Field(
    default=False, description="leave the column out, with a warning while planning, where published files are missing"
)
SCORING_MEMORY = 4000  # MB of a scoring job
NETWORK_MEMORY = {
    WHISPER: 7000,
    "whisper-base": 600,
    "avhubert": 3000,
    "emotion2vec_plus_large": 1500,
    "utmos22_strong": 1000,
    "distill_mos_v7": 400,
}  # MB more


class WerSettings(Settings):
    """Word error rate of a recogniser that listens to the dub."""

    name: Literal["wer"] = Field(default="wer", description="the metric")
    column: str = Field(default="WER", pattern=NAME, description="the table's column: each recogniser has its own")
    optional: bool = OPTIONAL
    normaliser: Literal["spoken", "whisper"] = Field(
        default="spoken",
        description="of both texts; spoken: as they are read aloud; whisper: as published for Whisper, with "
        "contractions written out, fillers left out and American spelling",
    )
    backend: Literal["pocketsphinx", "whisper"] = Field(
        default="pocketsphinx", description="pocketsphinx: embedded; whisper: any size through faster-whisper"
    )
    grammar: Literal["grid", "lm"] = Field(
        default="grid", description="pocketsphinx only: the corpus's sentence grammar, or a general language model"
    )
    weights: str = Field(
        default=f"downloads/{WHISPER}", description="whisper only: folder of a faster-whisper (CTranslate2) model"
    )
    beam: int = Field(default=5, ge=1, description="whisper only: beam width")
    temperatures: tuple[float, ...] = Field(
        default=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        min_length=1,
        description="whisper only: tried in turn while the text repeats itself or is improbable, as published",
    )
    tokens_per_second: float = Field(
        default=15.0, ge=0, description="whisper only: cap on the tokens of a clip, which ends loops; 0: none"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="whisper only: auto takes a GPU that is there and whose libraries can be loaded"
    )
    number_format: Literal["default", "int8", "int8_float16", "float16", "bfloat16", "float32"] = Field(
        default="default",
        description="whisper only: of its arithmetic; default: as stored, where the device can",
    )
    seed: int = Field(default=0, ge=0, description="whisper only: seed of the draws at temperatures above 0")

    @property
    def group(self) -> str:
        """The published files that the folder of weights is named after; large-v3's for a folder of one's own."""
        name = Path(self.weights).name
        return name if name in WHISPER_FILES else WHISPER

    @property
    def needed(self) -> Needed | None:
        """The published weights of the recogniser, where it has any."""
        if self.backend != "whisper":
            return None
        known = Path(self.weights).name in WHISPER_FILES
        names = WHISPER_FILES[self.group] if known else ("model.bin", "config.json", "tokenizer.json")
        return Needed(tuple(f"{self.weights}/{name}" for name in names), self.group, "wer with backend: pocketsphinx")


class SecsSettings(Settings):
    """Speaker similarity: cosine of GE2E vectors, times 100, with the reference speech of the protocol."""

    name: Literal["secs"] = Field(default="secs", description="the metric")
    column: str = Field(default="SECS", pattern=NAME, description="the table's column: each encoder has its own")
    optional: bool = OPTIONAL
    backend: Literal["resemblyzer", "dvector"] = Field(
        default="resemblyzer",
        description="resemblyzer: GE2E weights inside the package; dvector: the lineage's TorchScript files, fetched",
    )
    weights: str = Field(
        default="downloads/dvector/dvector-step250000.pt", description="dvector only: file of the published network"
    )
    wav2mel: str | None = Field(
        default=None,
        description="dvector only: file of the published front end, which needs torchaudio's sox; "
        "without it the same steps written afresh",
    )

    @property
    def needed(self) -> Needed | None:
        """The published files of the encoder, where it has any."""
        files = (self.weights, self.wav2mel) if self.wav2mel else (self.weights,)
        return Needed(files, "dvector", "secs with backend: resemblyzer") if self.backend == "dvector" else None


class DnsmosSettings(Settings):
    """Naturalness by DNSMOS (overall score). It is not UTMOS and has its own column."""

    name: Literal["dnsmos"] = Field(default="dnsmos", description="the metric")
    backend: Literal["speechmos"] = Field(default="speechmos", description="DNSMOS P.835 weights inside the package")


class DistillMosSettings(Settings):
    """Naturalness by DistillMOS. It is not UTMOS and has its own column."""

    name: Literal["distillmos"] = Field(default="distillmos", description="the metric")
    backend: Literal["distill_mos_v7"] = Field(
        default="distill_mos_v7", description="the file inside the package distillmos, fetched"
    )
    optional: bool = OPTIONAL
    weights: str = Field(default="downloads/distillmos/distill_mos_v7.pt", description="file of the published weights")

    @property
    def needed(self) -> Needed:
        """The published weights."""
        return Needed((self.weights,), "distillmos", "the metric dnsmos")


class UtmosSettings(Settings):
    """Naturalness by UTMOS22 strong."""

    name: Literal["utmos"] = Field(default="utmos", description="the metric")
    backend: Literal["utmos22_strong"] = Field(default="utmos22_strong", description="published weights, fetched")
    weights: str = Field(
        default="downloads/utmos/utmos22_strong_step7459_v1.pt", description="file of the published weights"
    )

    @property
    def needed(self) -> Needed:
        """The published weights."""
        return Needed((self.weights,), "utmos", "the metric dnsmos")


class EmotionSettings(Settings):
    """Emotion similarity: cosine of emotion2vec vectors of the output and of the clip's own recording."""

    name: Literal["emo_sim"] = Field(default="emo_sim", description="the metric")
    backend: Literal["emotion2vec_plus_large"] = Field(
        default="emotion2vec_plus_large", description="published weights, fetched"
    )
    weights: str = Field(default="downloads/emotion2vec/model.pt", description="file of the published weights")

    @property
    def needed(self) -> Needed:
        """The published weights."""
        return Needed((self.weights,), "emotion2vec", "an experiment without the metric emo_sim")


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


class SyncSettings(Settings):
    """LSE-C and LSE-D: SyncNet's computation on embeddings of one of two pairs of encoders."""

    name: Literal["lse"] = Field(default="lse", description="the metric (two columns: LSE-C, LSE-D)")
    backend: Literal["embedded", "syncnet"] = Field(
        default="embedded",
        description="embedded: encoders that the workflow fits on the training split's real pairs; "
        "syncnet: the published SyncNet v2",
    )
    weights: str = Field(
        default="downloads/syncnet/syncnet_v2.model", description="syncnet only: file of the published weights"
    )
    max_shift: int = Field(default=15, ge=1, description="largest audio shift that is tried, video frames")

    @property
    def needed(self) -> Needed | None:
        """The published weights, where the encoders are not fitted."""
        return Needed((self.weights,), "syncnet", "lse with backend: embedded") if self.backend == "syncnet" else None


class AvSyncSettings(Settings):
    """Cosine of audio-visual features, with the recording and with the dub."""

    name: Literal["avsync"] = Field(default="avsync", description="the metric (column AVSync-emb, or AVSync)")
    backend: Literal["embedded", "avhubert"] = Field(
        default="embedded",
        description="embedded: encoders that the workflow fits on the training split's real pairs; "
        "avhubert: the published AV-HuBERT Large, as AlignDiT's AVSync",
    )
    weights: str = Field(
        default="downloads/avhubert/large_vox_iter5.pt", description="avhubert only: file of the published weights"
    )

    @property
    def needed(self) -> Needed | None:
        """The published weights, where the encoders are not fitted."""
        if self.backend != "avhubert":
            return None
        return Needed((self.weights,), "avhubert", "avsync with backend: embedded")


class SyncFitSettings(Settings):
    """How the embedded sync encoders are fitted."""

    width: int = Field(default=128, ge=8, description="width of both embeddings")
    image_size: int = Field(default=48, ge=16, description="lip crops are scaled to this many pixels")
    max_clips: int = Field(default=1500, ge=2, description="training clips used, chosen by a stable hash")
    steps: int = Field(default=800, ge=1, description="optimiser steps")
    clips: int = Field(default=12, ge=2, description="clips in a batch")
    windows: int = Field(default=12, ge=2, description="windows of each clip in a batch")
    learning_rate: float = Field(default=1e-3, gt=0, description="AdamW's peak rate; one cycle")
    seed: int = Field(default=0, ge=0, description="seed of weights and batches")


class RtfSettings(Settings):
    """Real-time factor: wall time of synthesis over the length of the audio."""

    name: Literal["rtf"] = Field(default="rtf", description="the metric")
    backend: Literal["clock"] = Field(default="clock", description="times that the synthesis step wrote down")


MetricSettings = Annotated[
    WerSettings
    | SecsSettings
    | DnsmosSettings
    | DistillMosSettings
    | UtmosSettings
    | EmotionSettings
    | PitchSettings
    | SyncSettings
    | AvSyncSettings
    | RtfSettings,
    Field(discriminator="name"),
]


def needed(metrics: Iterable[MetricSettings]) -> list[Needed]:
    """The published files that the metrics ask for, one entry a metric."""
    found = [getattr(metric, "needed", None) for metric in metrics]
    return [entry for entry in found if entry is not None]


def measured(metrics: Iterable[MetricSettings]) -> tuple[MetricSettings, ...]:
    """The metrics that can be measured: optional ones without their published files are left out, with a warning."""
    return tuple(
        metric
        for metric in metrics
        if not getattr(metric, "optional", False) or _is_there(getattr(metric, "needed", None))
    )


def _is_there(needed: Needed | None) -> bool:
    missing = [path for path in needed.paths if not Path(path).exists()] if needed else []
    if needed and missing:
        _left_out(needed.group, missing[0])
    return not missing


@cache
def _left_out(group: str, path: str) -> None:
    log.warning("A column is left out: %s is missing. `%s` fetches it.", path, fetch_command(group))


def needs_sync_encoders(metrics: Iterable[MetricSettings]) -> bool:
    """Whether a metric looks at the lips through encoders that the workflow fits."""
    return any(isinstance(m, SyncSettings | AvSyncSettings) and m.backend == "embedded" for m in metrics)


def scoring_memory(metrics: Iterable[MetricSettings]) -> int:
    """MB that a scoring job needs: all of an experiment's metrics are loaded at once."""
    return SCORING_MEMORY + sum(NETWORK_MEMORY.get(_network(metric), 0) for metric in metrics)


def _network(metric: MetricSettings) -> str:
    return Path(metric.weights).name if isinstance(metric, WerSettings) and metric.needed else metric.backend
