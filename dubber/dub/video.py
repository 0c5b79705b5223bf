"""From a video and words to a dubbed video, with the workflow's own steps: faces, features, phonemes, student, codec.

Shapes: F video frames (25/s), S speaker width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dubber.codec.base import load_codec
from dubber.dub.bundle import Bundle, VideoInput
from dubber.dub.cues import WHOLE_TEXT, Attempts, Cue
from dubber.dub.dubbed import DubbedVideo
from dubber.dub.faces import lasting, numbered, panel, say_how_much_was_seen, sheet
from dubber.dub.fitting import (
    LEAST_PER_SENTENCE,
    count_spoken,
    mouth_motion,
    mouth_spans,
    room_for,
    sentences,
    spread,
    with_shorter_pauses,
    without_gaps,
)
from dubber.dub.reference_voice import speaker_of
from dubber.dub.settings import SynthesisSettings
from dubber.dub.sound import Piece, original_sound
from dubber.dub.synthesise import Request, Synthesiser
from dubber.errors import ClipError, DubberError
from dubber.media.audio import from_pcm
from dubber.media.crops import MOTION_FRAMES, Choice, Crops, Frames, crop_frames, find_faces
from dubber.media.faces import detector
from dubber.media.feature_streams import Streams, build_streams
from dubber.media.tracking import speaker_track
from dubber.media.video import Probe, Span, probe, read_frames
from dubber.progress import Progress
from dubber.text.phonemes import Names, Pronunciation, phonemise

log = logging.getLogger(__name__)

Background = Literal["keep", "silence"]

MOST_PANELS = 20  # in the picture of faces
BEYOND = 1.0  # s that are read beyond the longest possible span, to see that it is too long


class VideoDubber:
    """A trained student, ready to dub any video; `dubber.load` makes it.

    Args:
        bundle: the student with all that it is fed through.
        device: "auto", "cpu", "cuda" or "cuda:<n>".
        synthesis: how it samples; None for the experiment's own way.
        names: words with the phones that they have in its texts: see `dubber.text.phonemes.read_names`.

    Raises:
        DubberError: the bundle holds a teacher, or student, features and codec do not fit.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: str = "auto",
        synthesis: SynthesisSettings | None = None,
        names: Names | None = None,
    ) -> None:
        if bundle.video is None:
            raise DubberError(
                "This is a teacher, which sees no video.",
                looked_at=bundle.path,
                hint="Dub with a student: runs/<experiment>/full.",
            )
        self.bundle, self.crops = bundle, bundle.video.crops
        self.synthesis, self.names = synthesis or bundle.synthesis, names
        self.codec = load_codec(bundle.codec, bundle.codec_files)
        self.streams = self._streams(bundle.video)
        self.synthesiser = Synthesiser(bundle.model, self.codec, self.synthesis, device)
        self.sizes = self.synthesiser.sizes
        self._check_features()
        self.detector = detector(self.crops)

    def _streams(self, video: VideoInput) -> Streams:
        if "import" in (video.features.lip.backend, video.features.face.backend):
            raise DubberError(
                "The student was trained on features that were imported, and a new video has none.",
                looked_at=self.bundle.path,
                hint="Dub its clips in the workflow, or train a student on features that are computed here.",
            )
        return build_streams(video.features, video.transform)

    def _check_features(self) -> None:
        """The features must be as wide as the student's inputs."""
        made = (self.streams.lips.width, self.streams.faces.width)
        wanted = (self.sizes.lip_features, self.sizes.face_features)
        if made != wanted:
            raise DubberError(
                f"The features have widths {made} (lips, face); the student was trained on {wanted}.",
                looked_at=self.bundle.path,
                hint="Use the features that the student was trained on.",
            )

    def dub(
        self,
        video: Path | str,
        words: str | Sequence[Cue],
        reference: Path | str,
        *,
        face: int | None = None,
        background: Background = "keep",
        skip_failed: bool = False,
        fit: bool = False,
    ) -> DubbedVideo:
        """Say a text, or cues, in time with the lips of a video.

        Args:
            video: any file that FFmpeg's libraries decode.
            words: a text for the whole video, or cues: see `dubber.read_subtitles` and `dubber.Cue.from_text`.
            reference: sound or video file with the voice to speak in.
            face: whose lips, counted from the left; None takes the largest face.
            background: what is heard outside the cues: the original sound, or silence.
            skip_failed: leave out cues that cannot be dubbed; otherwise the first of them is an error.
            fit: shorten the pauses in and around a cue that is too long for its span.

        Raises:
            DubberError: the video or the reference cannot be used, or a text does not fit its span.
        """
        about, attempts = probe(video), Attempts(Path(video), skip_failed)
        choose = speaker_track if face is None else numbered(face)
        asked = _cues(words, about)
        cues = self._by_sentences(asked, about, video, choose)
        said = attempts.each(cues, lambda cue: _pronounce(cue, about, self.names))
        texts = dict(with_shorter_pauses(said, about.duration) if fit else said)
        texts = dict(attempts.each(list(texts), lambda cue: self._checked(cue, texts[cue], about)))
        speaker = speaker_of(reference, self.codec)
        watched = self._watched(video, list(texts))

        def see(cue: Cue) -> Request:
            crops = crop_frames(watched.frames(cue.span), about, self.crops, self.detector, choose)
            say_how_much_was_seen(cue.name, crops)
            return self._request(cue.name, texts[cue], crops, speaker)

        requests = attempts.each(list(texts), see)
        progress = Progress("speech: evaluations", max(1, len(requests) * self.synthesis.nfe))
        pieces = tuple(self._piece(cue, request, progress) for cue, request in requests)
        if not pieces:
            raise DubberError("Not one cue could be dubbed.", looked_at=video, hint=attempts.left_out[0].reason)
        if len(cues) > len(asked):
            whole = Span(asked[0].span.start, asked[0].span.end or about.duration)
            pieces = without_gaps(pieces, whole, self.codec.sample_rate)
        to_the_end = asked[-1].span.end is None
        around = background == "keep" and (asked[0].span.start > 0 or not to_the_end)
        return DubbedVideo(
            video=Path(video),
            pieces=pieces,
            left_out=tuple(attempts.left_out),
            sample_rate=self.codec.sample_rate,
            duration=0.0 if to_the_end else about.duration,
            background=original_sound(video) if around else None,
            inputs={"reference": Path(reference)},
        )

    def _watched(self, video: Path | str, cues: Sequence[Cue]) -> WatchedVideo:
        return WatchedVideo(video, self.crops.fps, self.bundle.longest, [cue.span for cue in cues])

    def faces(self, video: Path | str, cues: Sequence[Cue] = (Cue.from_text(""),)) -> bytes:
        """A picture of the faces that can be dubbed, with their numbers: a PNG, one panel for every cue.

        The face that is dubbed if none is named is drawn in another colour.
        """
        shown = _cues(cues, probe(video))[:MOST_PANELS]
        watched = self._watched(video, shown)
        return sheet(self._panel(watched.frames(cue.span), cue) for cue in shown)

    def _panel(self, frames: Frames, cue: Cue) -> np.ndarray:
        settings = self.crops
        found = find_faces(frames(), settings, self.detector)
        faces = lasting(found.tracks, found.looked_at, settings.min_found_share)
        moment = faces[0].detections[len(faces[0].detections) // 2].frame if faces else 0
        picture = next(picture for n, picture in enumerate(frames()) if n == moment)
        caption = f"{cue.name}, {cue.span.start:.2f} s: {len(faces)} face{'' if len(faces) == 1 else 's'}  {cue.text}"
        return panel(picture, faces, max(faces, key=lambda track: track.weight, default=None), caption[:75], moment)

    def _by_sentences(self, cues: list[Cue], about: Probe, video: Path | str, choose: Choice) -> list[Cue]:
        """A text of several sentences with time for each as a cue for each: where the mouth moves."""
        text, end = cues[0], cues[0].span.end or about.duration
        parts = sentences(text.text) if len(cues) == 1 and text.name == WHOLE_TEXT else []
        if len(parts) < 2 or end - text.span.start < min(len(parts) * LEAST_PER_SENTENCE, self.bundle.longest):
            return cues
        speech = list(self._mouth_spans(Span(text.span.start, end), about, video, choose))
        log.info(
            "%d sentences, one after the other %s",
            len(parts),
            f"in {len(speech)} stretches in which the mouth moves" if speech else "over the whole span",
        )
        return spread(text, end, speech)

    def _mouth_spans(self, span: Span, about: Probe, video: Path | str, choose: Choice) -> Iterator[Span]:
        """When the mouth moves, looked for in parts as long as the student speaks at once."""
        assert span.end is not None
        for start in np.arange(span.start, span.end, self.bundle.longest):
            part = Span(float(start), min(float(start) + self.bundle.longest, span.end))
            watched = WatchedVideo(video, self.crops.fps, self.bundle.longest, [part])
            try:
                crops = crop_frames(watched.frames(part), about, self.crops, self.detector, choose)
            except ClipError as error:
                log.info("no mouth from %.1f s on: %s", part.start, error.what)
                continue
            yield from mouth_spans(mouth_motion(crops.lips), self.crops.fps, part.start)

    def _checked(self, cue: Cue, text: Pronunciation, about: Probe) -> Pronunciation:
        """Raises `ClipError` where a text's span is too short or too long, as far as the video's length is known."""
        end = about.duration or None if cue.span.end is None else cue.span.end
        if end is not None:
            self._check_length(text, round((end - cue.span.start) * self.crops.fps))
        return text

    def _check_length(self, text: Pronunciation, n_frames: int) -> None:
        """Raises `ClipError` if a text does not fit F frames, or the student cannot speak for so long."""
        seconds = n_frames / self.crops.fps
        if seconds > self.bundle.longest:
            raise ClipError(
                f"it spans {seconds:.1f} s, and the model speaks at most {self.bundle.longest:.1f} s at once",
                hint="Give the words as subtitles, a cue for each sentence (--subtitles), or name a part of the video "
                "(--start, --end).",
            )
        if (spoken := count_spoken(text)) > n_frames:
            raise ClipError(
                f"the text is too long for its span: {spoken} phonemes in {seconds:.2f} s, which has room for "
                f"{n_frames}; {room_for(text, n_frames, self.crops.fps)}",
                hint="Shorten the text, give it more time, or let it take of the pauses around it (--fit).",
            )

    def _request(self, name: str, text: Pronunciation, crops: Crops, speaker: np.ndarray) -> Request:
        """A cue as the synthesiser takes it.

        Raises:
            ClipError: the text does not fit the frames that were found.
        """
        n_frames = len(crops.lips)
        self._check_length(text, n_frames)
        seconds, tokens = n_frames / self.crops.fps, self.sizes.tokens_in(n_frames)
        trained = self.bundle.origin.training.longest_tokens
        if trained < tokens:
            log.warning("%s: %.1f s are longer than any clip of the training", name, seconds)
        pictures = {"lips": crops.lips, "faces": crops.faces, "box": crops.boxes}
        lips, faces = (stream.of(pictures).values for stream in (self.streams.lips, self.streams.faces))
        return self.synthesiser.request(name, text.ids, lips, faces, speaker)

    def _piece(self, cue: Cue, request: Request, progress: Progress) -> Piece:
        """The speech of one cue, which has its own seed whatever else is said."""
        samples = from_pcm(self.synthesiser.dub([request], progress.advance)[0].samples)
        if cue.span.end is not None:
            samples = samples[: round((cue.span.end - cue.span.start) * self.codec.sample_rate)]
        return Piece(cue.name, cue.text, cue.span.start, samples)


class WatchedVideo:
    """The frames of spans of a video, whose reading is shown as progress.

    Args:
        fps: frames per second.
        longest: s; little more of a span is read.
        spans: those that will be read, for the time left.
    """

    def __init__(self, path: Path | str, fps: int, longest: float, spans: Sequence[Span]) -> None:
        self.path, self.fps, self.longest = path, fps, longest
        lengths = [round((self._end(span) - span.start) * fps) for span in spans]
        self.total = sum(2 * n + min(n, MOTION_FRAMES) for n in lengths)  # as `crop_frames` reads them
        self.progress = Progress("faces: frames", self.total)

    def _end(self, span: Span) -> float:
        """The moment (s) up to which a span is read."""
        last = span.start + self.longest + BEYOND
        return last if span.end is None else min(span.end, last)

    def frames(self, span: Span) -> Frames:
        """A function that begins to read the span whenever it is called: uint8 [height, width, 3] RGB, upright."""

        def read() -> Iterator[np.ndarray]:
            for frame in read_frames(self.path, self.fps, Span(span.start, self._end(span))):
                if self.progress.done < self.total:
                    self.progress.advance()
                yield frame

        return read


def _pronounce(cue: Cue, about: Probe, names: Names | None) -> Pronunciation:
    """A cue's words and phonemes.

    Raises:
        ClipError: the text cannot be spoken, or the video ends before it.
    """
    if about.duration and cue.span.start >= about.duration:
        raise ClipError(f"it begins at {cue.span.start:.2f} s, and the video ends at {about.duration:.2f} s")
    return phonemise(cue.text, names)


def _cues(words: str | Sequence[Cue], about: Probe) -> list[Cue]:
    """The cues to be said; spans that reach beyond the video end with it."""
    cues = [Cue.from_text(words)] if isinstance(words, str) else words
    if not cues:
        raise DubberError("There is nothing to say.", hint="Give a text or cues.")
    return [_within(cue, about.duration) for cue in cues]


def _within(cue: Cue, duration: float) -> Cue:
    """The cue, cut off at the video's end where that is known."""
    if cue.span.end is None or not duration or cue.span.end <= duration or cue.span.start >= duration:
        return cue
    return Cue(cue.name, cue.text, Span(cue.span.start, duration))
