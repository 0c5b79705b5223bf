"""A dubbed video: speech with its places, to be heard as samples or saved as a video or a sound file."""

from __future__ import annotations

import logging
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dubber.dub.cues import LeftOut
from dubber.dub.sound import DubbedSound, Original, Piece
from dubber.errors import writing_told
from dubber.files import Output, atomic_path, check_outputs
from dubber.media.audio import to_pcm
from dubber.media.encoding import CONTAINERS
from dubber.media.remux import Picture, replace_sound
from dubber.progress import Progress

log = logging.getLogger(__name__)

WAV = ".wav"
ENDINGS = (*CONTAINERS, WAV)


@dataclass(frozen=True)
class DubbedVideo:
    """What `VideoDubber.dub` makes.

    Attributes:
        video: the file that was dubbed.
        pieces: the new speech, in its order in time.
        left_out: cues without any.
        sample_rate: Hz of the speech.
        duration: s of the video; 0 where the speech reaches to its end.
        background: the original sound, heard around the speech in a saved video; None is silence.
        inputs: other files that no output may replace, by what messages call them.
    """

    video: Path
    pieces: tuple[Piece, ...]
    left_out: tuple[LeftOut, ...]
    sample_rate: int
    duration: float
    background: Original | None
    inputs: Mapping[str, Path] = field(default_factory=dict)

    @property
    def samples(self) -> np.ndarray:
        """The speech alone, float32 [samples] in -1..1 from the first picture on, silent between its pieces."""
        blocks = [block[0] for block in self._speech.blocks(self.sample_rate)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    @property
    def _speech(self) -> DubbedSound:
        return DubbedSound(self.pieces, self.sample_rate, self.duration, None)

    def save(self, path: Path | str, *, force: bool = False, picture: Picture = "auto") -> Path:
        """Write the video with its new sound, or, to a name that ends in .wav, the speech alone; whole or not at all.

        Args:
            force: whether a file that is there already is replaced; an input never is.
            picture: "auto" copies the picture untouched if players of such files play it, "copy" if the container takes
                it, "encode" never.

        Raises:
            DubberError: the output exists, is an input, is of no known kind or cannot be written, or the disk is full.
        """
        path = Path(path)
        check_outputs([Output(path, ENDINGS)], {"video": self.video, **self.inputs}, force=force)
        if path.suffix.lower() == WAV:
            self._save_speech(path)
            return path
        track = DubbedSound(self.pieces, self.sample_rate, self.duration, self.background)
        end = max([self.duration, *(piece.start + len(piece.samples) / self.sample_rate for piece in self.pieces)])
        with writing_told("The output", path):
            copied = replace_sound(self.video, path, track, picture=picture, watch=_watch("writing", end))
        log.info("%s: the picture is %s", path, "copied untouched" if copied else "encoded, as said above")
        return path

    def _save_speech(self, path: Path) -> None:
        with writing_told("The output", path), atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
            file.setparams((1, 2, self.sample_rate, 0, "NONE", ""))
            for block in self._speech.blocks(self.sample_rate):
                file.writeframes(to_pcm(block[0]).astype("<i2").tobytes())


def _watch(name: str, seconds: float) -> Callable[[float], None]:
    """Progress in whole seconds of video."""
    progress = Progress(name, max(1, int(seconds)))

    def watch(time: float) -> None:
        if int(time) > progress.done:
            progress.advance(int(time) - progress.done)

    return watch
