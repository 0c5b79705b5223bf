"""What a player shows is what is read and what is written: turned, mirrored, stretched, trimmed, without a length."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dubber.dub.sound import DubbedSound, Piece, original_sound
from dubber.errors import ClipError, DubberError
from dubber.media.audio import read_audio
from dubber.media.encoding import Refused, refusals
from dubber.media.remux import Samples, replace_sound
from dubber.media.source import Orientation
from dubber.media.video import Span, probe, read_frames
from tests.helpers.media_files import Kind, picture, place, shown, trimmed, write_film

COUNT = 18
SILENCE = Samples(np.zeros(round(COUNT / 25 * 16_000), np.float32), 16_000)
OUTPUTS = ("mp4", "mov", "mkv", "webm")
VP9 = Kind("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"})

# --- turned and mirrored ----------------------------------------------------------------------------------------------

ORIENTATIONS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
CORNERS = np.zeros((48, 64, 3), np.uint8)
CORNERS[:24, :32], CORNERS[:24, 32:], CORNERS[24:, :32] = (220, 30, 30), (30, 220, 30), (30, 30, 220)


def corners(picture: np.ndarray) -> list[int]:
    """The colour (0 red, 1 green, 2 blue, 3 black) of each quarter, from the top left, row by row."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    quarters = [picture[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    means = [quarter[4:-4, 4:-4].mean((0, 1)) for quarter in quarters]
    return [int(np.argmax(mean)) if mean.max() > 100 else 3 for mean in means]


def write_turned(path: Path, turns: int, mirrored: bool, codec: str = "libx264") -> Path:
    """Pictures that a display matrix mirrors, and then turns counter-clockwise."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        right, down = (
            {0: (1, 0), 1: (0, -1), 2: (-1, 0), 3: (0, 1)}[turns],
            {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}[turns],
        )
        right = tuple(-part for part in right) if mirrored else right
        one = 1 << 16
        stream.set_display_matrix([right[0] * one, right[1] * one, 0, down[0] * one, down[1] * one, 0, 0, 0, 1 << 30])
        for n in range(5):
            frame = av.VideoFrame.from_ndarray(CORNERS, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def as_told(turns: int, mirrored: bool) -> list[int]:
    return corners(np.rot90(CORNERS[:, ::-1] if mirrored else CORNERS, turns))


@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_each_of_the_eight_orientations_is_read_upright(tmp_path, turns, mirrored):
    film = write_turned(tmp_path / "a.mp4", turns, mirrored)
    picture = next(read_frames(film))
    assert corners(picture) == as_told(turns, mirrored)
    about = probe(film)
    assert about.orientation == Orientation(turns, mirrored)
    assert (about.width, about.height) == (picture.shape[1], picture.shape[0])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("turns", "mirrored"), ORIENTATIONS)
def test_each_of_the_eight_orientations_is_written_as_it_is_shown(tmp_path, turns, mirrored, output):
    film = write_turned(tmp_path / "a.mp4", turns, mirrored)
    for how in ("auto", "encode"):
        made = tmp_path / f"{how}.{output}"
        copied = replace_sound(film, made, SILENCE, picture=how)
        assert copied == (how == "auto" and output != "webm")
        assert corners(next(read_frames(made))) == as_told(turns, mirrored)


def test_another_angle_is_the_nearest_quarter_turn():
    for degrees in range(-180, 181, 5):
        angle = np.deg2rad(degrees)
        a, b = round(np.cos(angle) * 65536), round(-np.sin(angle) * 65536)
        if degrees % 90 != 45:
            assert Orientation.of_matrix([a, b, 0, -b, a, 0, 0, 0, 1]).quarter_turns == round(degrees / 90) % 4
    assert Orientation.of_matrix([0] * 9) == Orientation()


# --- pixels that are not square ---------------------------------------------------------------------------------------


def stretched(aspect: Fraction):
    def prepare(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    return prepare


def ratio(path: Path) -> float:
    """Width over height of what a player shows."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return frame.width * float(stream.sample_aspect_ratio or 1) / frame.height


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(3, 4)])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("source", ["h264", "vp9"])
def test_a_picture_with_oblong_pixels_is_not_squeezed(tmp_path, source, output, aspect):
    kind = (
        Kind(prepare=stretched(aspect))
        if source == "h264"
        else Kind(VP9.picture, options=VP9.options, prepare=stretched(aspect))
    )
    film = write_film(tmp_path / "a.mp4", kind, COUNT)
    assert ratio(film) == pytest.approx(64 / 48 * float(aspect))
    for how in ("auto", "encode"):
        made = tmp_path / f"{how}.{output}"
        replace_sound(film, made, SILENCE, picture=how)
        assert ratio(made) == pytest.approx(64 / 48 * float(aspect), rel=0.03)


def test_pictures_are_read_with_square_pixels(tmp_path):
    film = write_film(tmp_path / "a.mp4", Kind(prepare=stretched(Fraction(4, 3))), COUNT)
    assert next(read_frames(film)).shape == (48, 85, 3)
    assert (probe(film).width, probe(film).height) == (85, 48)


# --- edit lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
def test_pictures_that_an_edit_list_hides_stay_hidden(tmp_path, output):
    whole = write_film(tmp_path / "whole.mp4", Kind(options={"g": "75", "bf": "2"}), COUNT)
    film = trimmed(whole, tmp_path / "a.mp4", Fraction(7, 25))
    assert [round(number) for _, number in shown(film)] == list(range(7, COUNT))
    made = tmp_path / f"b.{output}"
    replace_sound(film, made, SILENCE)
    pictures = shown(made)
    assert [round(number) for _, number in pictures] == list(range(7, COUNT))
    assert pictures[0][0] == pytest.approx(0, abs=0.001)
    assert [round(place(frame)) for frame in read_frames(made)] == list(range(7, COUNT))


def test_hidden_pictures_of_which_no_other_is_made_are_left_out_of_a_copy(tmp_path):
    whole = write_film(tmp_path / "whole.mp4", Kind(options={"g": "1", "bf": "0"}), COUNT)
    film = trimmed(whole, tmp_path / "a.mp4", Fraction(7, 25))
    assert replace_sound(film, tmp_path / "b.mkv", SILENCE)
    assert [round(number) for _, number in shown(tmp_path / "b.mkv")] == list(range(7, COUNT))


# --- a file that does not tell its length -----------------------------------------------------------------------------


def endless(path: Path, kind: Kind) -> Path:
    """As a recorder writes into a pipe, which cannot go back to tell the length."""

    class Pipe:
        def __init__(self) -> None:
            self.file = path.open("wb")

        def write(self, data: bytes) -> int:
            return self.file.write(data)

    pipe = Pipe()
    source = write_film(path.with_name("source.mkv"), kind, 50)
    with av.open(str(source)) as original, av.open(pipe, "w", format="matroska") as output:
        tracks = {s.index: output.add_stream_from_template(s, opaque=True) for s in original.streams}
        for packet in original.demux():
            if packet.size:
                packet.stream = tracks[packet.stream_index]
                output.mux(packet)
    pipe.file.close()
    with av.open(str(path)) as container:
        assert container.duration is None
    return path


def test_the_length_is_measured_and_nothing_of_the_sound_is_lost(tmp_path):
    film = endless(tmp_path / "a.mkv", Kind(options={"bf": "0"}))
    about = probe(film)
    assert about.duration == pytest.approx(2.0, abs=0.08)
    speech = Piece("a", "", 0.5, np.zeros(8000, np.float32))
    replace_sound(film, tmp_path / "b.mp4", DubbedSound([speech], 16_000, about.duration, original_sound(film)))
    heard = read_audio(tmp_path / "b.mp4").samples
    assert np.abs(heard[25_000:31_000]).max() > 0.2 and np.abs(heard[9000:15_000]).max() < 0.01


# --- whose fault it is ------------------------------------------------------------------------------------------------


def test_what_the_output_does_not_take_is_not_blamed_on_the_input(tmp_path):
    with pytest.raises(Refused, match="Invalid argument"), refusals(tmp_path / "a.mov"):
        raise av.ArgumentError(22, "Invalid argument")
    with pytest.raises(DubberError, match=r"disk is full") as told, refusals(tmp_path / "a.mov"):
        raise OSError(28, "No space left on device")
    assert not isinstance(told.value, ClipError)


def test_a_folder_and_a_sound_are_no_video(tmp_path):
    with pytest.raises(ClipError, match="it is a folder"):
        probe(tmp_path)
    with pytest.raises(ClipError, match="cannot be read"):
        probe(tmp_path / ("x" * 300))


def test_a_span_of_a_trimmed_film_begins_with_its_first_picture(tmp_path):
    whole = write_film(tmp_path / "whole.mp4", Kind(options={"g": "75"}), COUNT)
    film = trimmed(whole, tmp_path / "a.mp4", Fraction(5, 25))
    first = next(read_frames(film, span=Span(0.2, 0.4)))
    assert round(place(first)) == 10


def test_a_slide_that_is_shown_for_long_is_encoded_as_one_picture(tmp_path):
    """Reading it at 25 a second is refused as damage; writing it costs nothing."""
    film = tmp_path / "a.mkv"
    with av.open(str(film), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n, second in enumerate((0, 30, 31)):
            frame = av.VideoFrame.from_ndarray(picture(n), format="rgb24")
            frame.pts, frame.time_base = second * 25, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    replace_sound(film, tmp_path / "b.webm", Samples(np.zeros(31 * 16_000, np.float32), 16_000))
    assert [time for time, _ in shown(tmp_path / "b.webm")] == pytest.approx([0, 30, 31], abs=0.01)
