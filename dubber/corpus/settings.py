"""Settings of a corpus: folder, reader, split and shards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from dubber.settings import Settings

Protocol = Literal["1.0", "2.0"]
"""The paper's: the reference speech is the clip's own (1.0), or another clip's of the same speaker (2.0)."""
Reader = Literal["demo", "grid", "chem", "libritts", "table"]


class SplitSettings(Settings):
    """The project's own split: clips held out of each speaker by a stable hash of their names."""

    test_per_speaker: int = Field(default=100, ge=0, description="test clips of each speaker")
    val_per_speaker: int = Field(default=10, ge=0, description="validation clips of each speaker")
    max_held_out_share: float = Field(
        default=0.25, ge=0, le=1, description="no more than this share of a speaker's clips is held out"
    )
    test_list: str | None = Field(
        default=None,
        description="a published list of test clips instead, one a line: bbaf2n, s1/bbaf2n, s1_bbaf2n or s1/s1-bbaf2n",
    )
    seed: int = Field(default=0, description="another seed, another split")


class ColumnSettings(Settings):
    """Which column of a CSV list holds what."""

    clip: str = Field(default="clip", description="clip name")
    speaker: str = Field(default="speaker", description="speaker name")
    text: str = Field(default="text", description="the words that are spoken")
    split: str = Field(default="split", description="train, val or test; without the column the split is by hash")
    video: str = Field(default="video", description="path of the video, relative to the corpus folder")
    audio: str = Field(default="audio", description="path of the audio; without it the video's sound is used")
    words: str = Field(default="words", description="path of the corpus's own word times")


class RenderSettings(Settings):
    """What the rendered clips of a made corpus look and sound like."""

    picture: int = Field(default=256, ge=128, description="width and height of the picture, pixels")
    fps: int = Field(default=25, ge=1, description="frames per second")
    duration: float = Field(default=3.0, gt=0, description="length of a clip, seconds")
    lead: float = Field(default=0.35, ge=0, description="silence before the first word, seconds")
    sample_rate: int = Field(default=16000, ge=8000, description="sampling rate of the sound, Hz")
    noise: float = Field(default=0.001, ge=0, description="standard deviation of the background noise, full scale 1")
    jaw: float = Field(default=0.1, ge=0, description="how far an open mouth opens, share of the face's height")
    seed: int = Field(default=0, description="another seed, other sentences and noise")


class DemoSettings(Settings):
    """A corpus that the workflow makes itself: GRID's sentences, synthetic voices, a photograph that speaks."""

    speakers: int = Field(default=4, ge=1, le=8, description="voices and looks")
    clips_per_speaker: int = Field(default=24, ge=2, description="sentences of each speaker")
    rendering: RenderSettings = Field(default=RenderSettings(), description="look and sound")


class LimitSettings(Settings):
    """A part of a corpus: at most so many clips of each split, chosen by a stable hash."""

    train: int | None = Field(default=None, ge=1, description="training clips; null: all")
    val: int | None = Field(default=None, ge=1, description="validation clips; null: all")
    test: int | None = Field(default=None, ge=1, description="test clips; null: all")


class LengthSettings(Settings):
    """Utterances outside these bounds are left out of the manifest (audio-only corpora with known lengths)."""

    shortest: float = Field(default=1.0, ge=0, description="seconds")
    longest: float = Field(default=16.6, gt=0, description="seconds")
    words: int = Field(default=4, ge=1, description="fewest words")


class CorpusSettings(Settings):
    """One corpus."""

    reader: Reader = Field(description="the layout on disk; see dubber/corpus/")
    roots: tuple[str, ...] = Field(default=(), description="folders under data_root; the first that exists is used")
    clips: str | None = Field(
        default=None, description="CSV list of clips: of reader `table` in the corpus folder, of `grid` in the project"
    )
    shard_size: int = Field(default=256, ge=1, description="clips in a shard; a shard is one job of every step")
    split: SplitSettings = Field(default=SplitSettings(), description="train, validation, test")
    limit: LimitSettings = Field(default=LimitSettings(), description="use only a part")
    columns: ColumnSettings = Field(default=ColumnSettings(), description="reader `table`: the CSV's columns")
    lengths: LengthSettings = Field(default=LengthSettings(), description="reader `libritts`: utterances that are used")
    demo: DemoSettings = Field(default=DemoSettings(), description="reader `demo`: what is made")
    video: bool = Field(default=True, description="whether the clips have video; audio-only corpora serve stage 1")
    frames: int | None = Field(
        default=None, ge=1, description="where every clip has so many frames at 25 a second: another number is damage"
    )
    licence: str = Field(default="", description="under which its owner gives it; named in every exported model")
    instructions: str = Field(default="", description="what to put where, and which command fetches it; for the error")

    @model_validator(mode="after")
    def _has_a_place(self) -> CorpusSettings:
        if self.reader != "demo" and not self.roots:
            raise ValueError("a corpus that is not made by the workflow needs `roots`: folders under data_root")
        return self
