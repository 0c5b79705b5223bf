"""A project with a run, made in seconds: a minute student with random weights and all that it is fed through; films."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch

from dubber import config
from dubber.codec.settings import WorldAnalysisSettings, WorldSettings
from dubber.codec.world.codec import analyse_clip
from dubber.codec.world.fit import fit_analysed
from dubber.corpus.demo.clips import SPEAKERS
from dubber.corpus.demo.espeak import speak
from dubber.corpus.demo.talking_head import Face, Pose
from dubber.media.audio import write_wav
from dubber.media.pca import MOTION, Components, FeatureTransform
from dubber.media.settings import FeatureSettings
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.model.weights import save_model
from dubber.steps.bundle import bundle
from dubber.text.phonemes import VOCABULARY_SIZE
from tests.helpers.tiny_models import OBJECTIVE, description, randomise, sized

LIPS, FACE = 12, 10
CODES = 16
CODEC = WorldSettings(codes=CODES, iterations=2, fit_on=("demo",), analysis=WorldAnalysisSettings(f0_method="dio"))
FEATURES = FeatureSettings(fit_on=("demo",), lip_features=LIPS, face_features=FACE)
SIZES = sized(
    lip_features=LIPS,
    face_features=FACE,
    speaker_dim=CODEC.speaker_dim,
    vocab=CODES,
    phoneme_vocabulary=VOCABULARY_SIZE,
)
CONFIGURATION = {
    "features": {"tiny": {"fit_on": ["demo"], "lip_features": LIPS, "face_features": FACE}},
    "codecs": {"world_tiny": CODEC.model_dump(mode="json")},
    "experiments": {
        "tiny": {
            "corpus": "demo",
            "pretraining": ["demo"],
            "size": "tiny",
            "codec": "world_tiny",
            "features": "tiny",
            "aligner": "pocketsphinx",
            "stage1": {"steps": 6, "batch_size": 4},
            "stage2": {"steps": 6, "batch_size": 4},
            "synthesis": {"sampler": "exact", "nfe": 2},
            "metrics": [{"name": "secs"}],
        }
    },
}


def make_project(folder: Path) -> Path:
    """Write `runs/tiny/full`, `runs/tiny/stage1` and `work/`; the run's folder comes back."""
    words = ("bin blue at f two now", "set white by k seven please")
    speech = [analyse_clip(speak(text, SPEAKERS[i], 16_000).samples, CODEC.analysis) for i, text in enumerate(words)]
    fit_analysed(speech, CODEC, {"clips": "2"}).save(folder / "work/codecs/world_tiny/codec.safetensors")
    random_transform().save(folder / "work/features/tiny/transform.safetensors")
    for name in ("stage1", "full"):
        _write_facts(folder / "runs/tiny" / name)
    write_student(folder / "runs/tiny/full/model.safetensors")
    torch.manual_seed(0)
    teacher = randomise(TTS(SIZES, OBJECTIVE))
    told = description("stage1", SIZES, codec="world_tiny")
    save_model(folder / "runs/tiny/stage1/model.safetensors", teacher.state_dict(), told)
    describe_runs(folder)
    return folder / "runs/tiny/full"


def describe_runs(project: Path, **changes: Any) -> None:
    """Write the `dubber.json` of both runs, as the rule `bundle` does, with changes to the features `tiny`."""
    settings = config.read(CONFIGURATION, {"features": {"tiny": changes}})
    with contextlib.chdir(project):
        for run in ("stage1", "full"):
            folder, student = Path("runs/tiny") / run, run == "full"
            bundle(
                folder / "model.safetensors",
                folder / "summary.json",
                Path("runs/tiny/stage1/summary.json") if student else None,
                [Path("work/codecs/world_tiny/codec.safetensors")],
                Path("work/features/tiny/transform.safetensors") if student else None,
                settings.bundle_settings("tiny", run),
                folder / "dubber.json",
            )


def write_student(path: Path, sizes: ModelSettings = SIZES, claimed: ModelSettings | None = None) -> None:
    """A student's file with random weights, and with the sizes that the file claims, if these are others."""
    torch.manual_seed(0)
    student = randomise(Dubber(sizes, OBJECTIVE, PartsSettings()))
    told = description("stage2", claimed or sizes, codec="world_tiny", features="tiny")
    save_model(path, student.state_dict(), told)


def random_transform(settings: FeatureSettings = FEATURES) -> FeatureTransform:
    random = np.random.default_rng(0)

    def components(pixels: int, count: int) -> Components:
        axes = random.normal(size=(count, pixels)).astype(np.float32) / pixels**0.5
        return Components(np.zeros(pixels, np.float32), axes, np.ones(count, np.float32))

    half = settings.lip_features // 2
    return FeatureTransform(
        settings,
        mouth=components(settings.lip_scale**2, half),
        mouth_change=components(settings.lip_scale**2, settings.lip_features - half),
        face=components(settings.face_scale**2, settings.face_features - MOTION),
        motion_scale=np.ones(MOTION, np.float32),
    )


def _write_facts(folder: Path) -> None:
    """What a training run says of itself, as far as it is looked at."""
    summary = {"fingerprint": "f00d", "weights": "abc", "steps": 6, "epochs": 1.0, "batch_size": 4, "seed": 0}
    summary |= {
        "clips": {"train": 8, "val": 2},
        "seconds": 1.5,
        "losses": {"val": {"first": {"loss": 9.0}, "last": {"loss": 4.25}}},
    }
    summary |= {"parameters": {"dfpa": 10, "total": 30, "trained": 20}, "versions": {"torch": "2"}}
    summary |= {"code": "c0de", "data": {"tokens": "da7a"}, "longest_tokens": 240}
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary))


def write_reference(path: Path, text: str = "set white by k seven please") -> Path:
    """A voice of the demo corpus."""
    write_wav(path, speak(text, SPEAKERS[1], 16_000).samples)
    return path


# --- videos -----------------------------------------------------------------------------------------------------------

SIZE = 192  # pixels of a face's picture


def poses(times: list[float]) -> Iterator[Pose]:
    """A mouth that opens five times in two seconds."""
    for time in times:
        opening = 6 + 6 * np.sin(2 * np.pi * 2.5 * time)
        yield Pose(opening=float(opening), rounding=0.2, brow=0.0, nod=float(np.sin(time)), sway=0.0, tilt=0.0)


def talking(times: list[float], speaker: int = 0, size: int = SIZE) -> Iterator[np.ndarray]:
    """uint8 [size, size, 3] RGB, one picture for each time (s)."""
    face = Face(SPEAKERS[speaker], size)
    return (face.frame(pose) for pose in poses(times))


def two_faces(times: list[float]) -> Iterator[np.ndarray]:
    """A large face at the right and a small one at the left, in 400 x 240 pixels."""
    for large, small in zip(talking(times, 0, 240), talking(times, 1, 128), strict=True):
        picture = np.full((240, 400, 3), 90, np.uint8)
        picture[:, 160:] = large
        picture[60:188, 16:144] = small
        yield picture


def no_face(times: list[float]) -> Iterator[np.ndarray]:
    """Moving stripes."""
    for time in times:
        yield np.roll(np.tile(np.uint8([[[40], [200]]]), (96, 48, 3)), round(time * 25), axis=1)


def write_film(
    path: Path,
    times: list[float],
    draw: Callable[[list[float]], Iterator[np.ndarray]] = talking,
    *,
    codec: str = "libx264",
    tone: float | None = 220.0,
    channels: int = 2,
    rate: int = 44_100,
    turned: bool = False,
    shown: float | None = None,
    preset: str = "veryfast",
) -> Path:
    """A film whose picture n is shown from `times[n]` (s) on, with a tone.

    Args:
        tone: Hz; None for a silent film.
        turned: the pictures lie on their side, and the file says so, as a telephone's do.
        shown: s for which the last picture is shown; None for as long as the one before.
        preset: of x264.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options={"preset": preset} if codec == "libx264" else {})
        stream.codec_context.time_base = Fraction(1, 90_000 if codec == "libx264" else 1000)
        rate = 48_000 if "vp" in codec else rate  # opus knows few
        sound = None if tone is None else output.add_stream("libopus" if "vp" in codec else "aac", rate=rate)
        if sound is not None:
            sound.layout = "stereo" if channels == 2 else "mono"
        for n, picture in enumerate(draw(times)):
            picture = np.ascontiguousarray(np.rot90(picture)) if turned else picture
            if n == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(times[n] / frame.time_base)
            following = times[n + 1] if n + 1 < len(times) else times[n] + (shown or times[1] - times[0])
            frame.duration = round(following / frame.time_base) - frame.pts
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if sound is not None:
            length = times[-1] + times[1] - times[0]
            wave = 0.3 * np.sin(2 * np.pi * tone * np.arange(round(length * rate)) / rate)
            frame = av.AudioFrame.from_ndarray(
                np.repeat(wave[None], channels, axis=0).astype(np.float32), format="fltp", layout=sound.layout.name
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            output.mux(sound.encode(frame))
            output.mux(sound.encode())
    if turned:
        turn_upright(path)
    return path


def turn_upright(path: Path) -> None:
    """Write a quarter turn clockwise into an mp4's track header, as a telephone held upright does."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    one, zero = (1 << 16).to_bytes(4, "big", signed=True), bytes(4)
    minus_one = (-(1 << 16)).to_bytes(4, "big", signed=True)
    content[at : at + 20] = zero + one + zero + minus_one + zero
    path.write_bytes(content)


def every(fps: float | Fraction, seconds: float) -> list[float]:
    """The times of a film at a constant rate."""
    return [float(n / fps) for n in range(round(seconds * fps))]


def numbers(picture: np.ndarray) -> np.ndarray:
    """A small grey picture, to compare what is shown."""
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (16, 16), interpolation=cv2.INTER_AREA)
