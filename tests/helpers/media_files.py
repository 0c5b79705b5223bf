"""Small media files of every kind, made by PyAV: a bright bar that moves to the right, and a tone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
STEP = 3  # pixels by which the bar moves
TONE = 440.0  # Hz


@dataclass(frozen=True)
class Kind:
    """What a film is made of, by FFmpeg's names.

    Attributes:
        picture, pixels, options: the encoder of the pictures, their format, its options.
        sound: the encoder of the sound; None for a silent film.
        format: of the file, if its ending does not tell.
        prepare: is given the picture stream before anything is encoded.
    """

    picture: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    sound: str | None = "aac"
    format: str | None = None
    prepare: Callable[[av.VideoStream], None] = lambda stream: None


def picture(n: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [height, width, 3]: dark, with a bright bar `STEP` n pixels from the left; the top is brighter."""
    made = np.full((height, width, 3), 20, np.uint8)
    made[: height // 4] = 70
    left = (STEP * n) % (width - 8)
    made[:, left : left + 8] = 220
    return made


def place(shown: np.ndarray) -> float:
    """The number of a picture, told by its bar."""
    row = shown[shown.shape[0] // 2 :].astype(float).mean((0, 2))
    return (np.flatnonzero(row > 120).mean() - 3.5) / STEP


def tone(seconds: float, rate: int, hertz: float = TONE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_film(
    path: Path, kind: Kind = Kind(), count: int = 20, *, size: tuple[int, int] = (WIDTH, HEIGHT), rate: int = 48_000
) -> Path:
    """`count` pictures at 25 a second, with as much sound."""
    with av.open(str(path), "w", format=kind.format) as output:
        stream = output.add_stream(kind.picture, rate=25, options=kind.options)
        stream.width, stream.height, stream.pix_fmt = *size, kind.pixels
        kind.prepare(stream)
        sound = None if kind.sound is None else output.add_stream(kind.sound, rate=rate, layout="mono")
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(picture(n, *size), format="rgb24").reformat(format=kind.pixels)
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if sound is not None:
            mux_sound(output, sound, tone(count / 25, rate), rate)
    return path


def mux_sound(output, stream: av.AudioStream, samples: np.ndarray, rate: int, start: float = 0.0) -> None:
    """Encode float32 [n] in a mono stream, from `start` (s) on."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    for part in av.AudioResampler(format=stream.format.name, layout="mono", rate=rate).resample(frame):
        output.mux(stream.encode(part))
    output.mux(stream.encode())


def trimmed(source: Path, path: Path, start: Fraction) -> Path:
    """Cut off the beginning as a quick cutter does: nothing is encoded, an edit list hides what comes before."""
    with av.open(str(source)) as original, av.open(str(path), "w") as output:
        tracks = {s.index: output.add_stream_from_template(s, opaque=True) for s in original.streams}
        for packet in original.demux():
            if not packet.size:
                continue
            late = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - late, packet.dts - late
            if packet.pts >= 0 or packet.stream.type == "video":
                packet.stream = tracks[packet.stream_index]
                output.mux(packet)
    return path


def shown(path: Path) -> list[tuple[float, float]]:
    """Time (s) and number of every picture that a player shows."""
    with av.open(str(path)) as container:
        return [(frame.time, place(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]


def heard(path: Path, track: int = 0) -> np.ndarray:
    """The first channel of a sound track, float32 [n], at its own rate."""
    with av.open(str(path)) as container:
        floats = av.AudioResampler(format="fltp")
        parts = [p.to_ndarray()[0] for f in container.decode(audio=track) for p in floats.resample(f)]
    return np.concatenate(parts)


def write_sound(path: Path, channels: np.ndarray | Sequence[np.ndarray], rate: int, layout: str, codec: str) -> Path:
    """Encode float32 [channels, n]."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 128_000 * len(channels)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in av.AudioResampler(format=stream.format.name, layout=layout, rate=rate).resample(frame):
            output.mux(stream.encode(part))
        output.mux(stream.encode())
    return path
