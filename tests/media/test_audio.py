"""Sound from any file is 16 kHz mono and starts with the first picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from dubber.errors import ClipError
from dubber.media.audio import fit, from_pcm, read_audio, sound_blocks, stereo_weights, to_pcm, write_wav
from dubber.media.video import write_video
from dubber.units import SAMPLE_RATE
from tests.helpers.media_files import write_sound


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((32, 32, 3), 80, np.uint8)] * count


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_any_rate_becomes_16_khz(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    sound = read_audio(tmp_path / "a.wav")
    assert sound.source_rate == rate
    assert abs(len(sound.samples) - SAMPLE_RATE) <= 1
    inner = slice(800, 15_000)
    assert np.abs(sound.samples[inner] - tone(SAMPLE_RATE)[inner]).max() < 0.01


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(16_000), np.zeros(16_000, np.float32)], axis=1), 16_000)
    mixed = read_audio(tmp_path / "a.wav").samples
    correlation = np.corrcoef(mixed, tone(16_000))[0, 1]
    assert correlation > 0.999 and 0.2 < np.abs(mixed).max() < 0.5


def test_flac_is_exact(tmp_path):
    samples = from_pcm(to_pcm(tone(16_000)))
    soundfile.write(tmp_path / "a.flac", to_pcm(samples), 16_000)
    np.testing.assert_array_equal(read_audio(tmp_path / "a.flac").samples, samples)


def test_a_click_stays_at_its_time(tmp_path):
    samples = np.zeros(16_000, np.float32)
    samples[8000:8016] = 0.9
    write_video(tmp_path / "a.mp4", pictures(25), 25, samples, 16_000)
    found = np.abs(read_audio(tmp_path / "a.mp4").samples).argmax()
    assert found == pytest.approx(8008, abs=16)


def with_offset(path: Path, picture_from: float, sound_from: float) -> None:
    """One second of each; the sound is a constant tone."""
    with av.open(str(path), "w") as output:
        picture, sound = output.add_stream("libx264", rate=25), output.add_stream("pcm_s16le", rate=16_000)
        picture.width, picture.height, picture.pix_fmt, sound.layout = 32, 32, "yuv420p", "mono"
        for n, image in enumerate(pictures(25)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 25), n + round(picture_from * 25)
            output.mux(picture.encode(frame))
        output.mux(picture.encode())
        frame = av.AudioFrame.from_ndarray(to_pcm(tone(16_000))[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), round(sound_from * 16_000)
        output.mux(sound.encode(frame))
        output.mux(sound.encode())


@pytest.mark.parametrize(("picture_from", "sound_from"), [(1.0, 1.2), (1.2, 1.0), (0.0, 0.0)])
def test_time_zero_is_the_first_picture(tmp_path, picture_from, sound_from):
    with_offset(tmp_path / "a.mkv", picture_from, sound_from)
    samples = read_audio(tmp_path / "a.mkv").samples
    late = round((sound_from - picture_from) * SAMPLE_RATE)
    expected = np.pad(tone(16_000), (late, 0)) if late >= 0 else tone(16_000)[-late:]
    assert abs(len(samples) - len(expected)) <= 20
    n = min(len(samples), len(expected))
    assert np.abs(samples[:n] - expected[:n]).max() < 0.02


def test_fit_cuts_and_pads():
    np.testing.assert_array_equal(fit(np.arange(5), 3), [0, 1, 2])
    np.testing.assert_array_equal(fit(np.arange(3), 5), [0, 1, 2, 0, 0])


def test_pcm_clips_instead_of_wrapping():
    np.testing.assert_array_equal(to_pcm(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [-32768, -32768, 0, 32767, 32767])
    everything = np.arange(-(2**15), 2**15).astype(np.int16)
    np.testing.assert_array_equal(to_pcm(from_pcm(everything)), everything)


def test_wav_is_whole(tmp_path):
    write_wav(tmp_path / "a.wav", tone(16_000))
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == SAMPLE_RATE
    np.testing.assert_array_equal(samples, to_pcm(tone(16_000)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_sound_that_breaks_off_is_damaged(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(100), 25, tone(16_000), 16_000)
    with pytest.raises(ClipError, match=r"damaged: 1\.0\d s of sound where the file promises 4\.00 s"):
        read_audio(tmp_path / "a.mp4")


# --- time stamps, channels, one way -----------------------------------------------------------------------------------


def with_a_gap(path: Path) -> None:
    """Two seconds of silence with a click at 0.5 s and one at 1.5 s, of which the time stamps leave out 1 to 1.25 s."""
    samples = np.zeros(32_000, np.float32)
    samples[8000:8016] = samples[24_000:24_016] = 0.9
    with av.open(str(path), "w") as output:
        sound = output.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start in range(0, 32_000, 400):
            if not 16_000 <= start < 20_000:
                frame = av.AudioFrame.from_ndarray(to_pcm(samples[start : start + 400])[None], "s16", "mono")
                frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), start
                output.mux(sound.encode(frame))
        output.mux(sound.encode())


def clicks(samples: np.ndarray) -> list[float]:
    return [float(at + np.abs(samples[at : at + 8000]).argmax()) / 16_000 for at in (4000, 20_000)]


def test_a_gap_in_the_time_stamps_is_silence(tmp_path):
    with_a_gap(tmp_path / "a.mkv")
    samples = read_audio(tmp_path / "a.mkv").samples
    assert len(samples) == pytest.approx(32_000, abs=20)
    assert clicks(samples) == pytest.approx([0.5, 1.5], abs=0.002)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_the_command_and_the_workflow_hear_the_same(tmp_path, rate):
    """Block by block or at once: one resampler."""
    with_a_gap(tmp_path / "a.mkv")
    soundfile.write(tmp_path / "b.wav", tone(rate), rate)
    for name in ("a.mkv", "b.wav"):
        blocks = np.concatenate(list(sound_blocks(tmp_path / name, SAMPLE_RATE, 1)), axis=1)[0]
        np.testing.assert_array_equal(to_pcm(blocks), to_pcm(read_audio(tmp_path / name).samples))


def test_channels_that_cancel_each_other_are_not_mixed(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(16_000), -0.9 * tone(16_000)], axis=1), 16_000)
    sound = read_audio(tmp_path / "a.wav")
    assert (sound.channels, sound.channel) == (2, 0)
    np.testing.assert_allclose(sound.samples, tone(16_000), atol=1e-4)
    soundfile.write(tmp_path / "b.wav", np.stack([tone(16_000)] * 2, axis=1), 16_000)
    assert read_audio(tmp_path / "b.wav").channel is None


@pytest.mark.parametrize(("layout", "codec"), [("stereo", "flac"), ("5.1", "flac"), ("quad", "flac")])
def test_the_same_sound_in_every_channel_is_that_sound(tmp_path, layout, codec):
    count = len(av.AudioLayout(layout).channels)
    write_sound(tmp_path / "a.mka", np.stack([tone(48_000)] * count), 48_000, layout, codec)
    samples = read_audio(tmp_path / "a.mka").samples
    np.testing.assert_allclose(samples[800:15_000], tone(16_000)[800:15_000], atol=0.002)


def test_many_channels_become_two_without_clipping(tmp_path):
    write_sound(tmp_path / "a.mka", np.stack([1.9 * tone(48_000)] * 6), 48_000, "5.1", "flac")
    stereo = np.concatenate(list(sound_blocks(tmp_path / "a.mka", 48_000, 2)), axis=1)
    assert stereo.shape[0] == 2 and 0.9 < np.abs(stereo).max() <= 0.96
    for layout in ("mono", "stereo", "5.1", "7.1", "quad", "2.1"):
        weights = stereo_weights(av.AudioLayout(layout))
        assert weights.shape[0] == 2 and weights.sum(1) == pytest.approx(1.0)


def test_a_sound_may_be_heard_in_part(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(16_000, 3.0), 16_000)
    assert len(read_audio(tmp_path / "a.wav", longest=1.0).samples) == 16_000
