"""Control systems: late recordings, swapped inputs, and the teacher without video, with minute models."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.dub.text_synthesiser import middle, stretched
from dubber.errors import ClipError, DubberError
from dubber.experiment import SWAPS
from dubber.model.tts import TTS
from dubber.model.weights import save_model
from dubber.steps import speech
from dubber.steps.audio import AUDIO
from dubber.steps.control import _CONTROLS, control, fit_frames
from dubber.steps.crops import CROPS
from dubber.steps.dubs import DUBS
from dubber.steps.same_voice import same_voice
from dubber.steps.shifted import delayed, shifted
from dubber.steps.text_only import text_only as text_only_step
from dubber.text.phonemes import phonemise
from tests.dub.test_synthesise import (  # noqa: F401  (a fixture)
    FRAMES,
    SETTINGS,
    SIZES,
    SpokenCodec,
    by_clip,
    dub,
    reasons,
    shard,
    speaking,
)
from tests.helpers.shards import shard_of
from tests.helpers.tiny_models import OBJECTIVE, description, randomise

TEXTS = {"long": "bin blue at f two now", "short": "set red by k one again", "middle": "lay white in q six soon"}
SPEAKERS = {"long": "a", "short": "b", "middle": "c", "trained_on": "d"}


def row(clip: str, speakers: dict[str, str] = SPEAKERS) -> dict:
    split = "train" if clip == "trained_on" else "test"
    return {"clip": clip, "split": split, "speaker": speakers[clip], "text": TEXTS.get(clip, "now"), "reference": None}


ROWS = [row(clip) for clip in SPEAKERS]


def swapped(folder: Path, swap: str, rows: list[dict] = ROWS, **changes) -> Path:
    output = folder / f"{swap}.parquet"
    clips = shard_of(rows, output, changes.get("max_failed_share", 0.5))
    with mock.patch.object(speech, "load_codec", lambda *_: SpokenCodec()):
        control(clips, speaking(folder, SETTINGS), swap, (folder / "features.parquet",), (folder / "tokens.parquet",))
    return output


def voice(row: dict) -> str:
    """Whose speaker vector the codec was given (see `test_synthesise.SpokenCodec`)."""
    return list(FRAMES)[round((row["samples"][0] / 32768 - 0.5) * 16)]


def test_the_workflow_and_the_code_know_the_same_swaps():
    assert set(_CONTROLS) == set(SWAPS)


def test_a_recording_comes_late_and_stays_as_long(tmp_path):
    samples = np.arange(1, 6001).astype(np.int16)
    made = [{"clip": "long", "samples": samples}, {"clip": "short", "samples": samples[:5120]}]
    write_rows(tmp_path / "truth.parquet", made, DUBS)
    shifted(shard_of(ROWS, tmp_path / "late.parquet", 0.9), tmp_path / "truth.parquet")
    (late,) = read_rows(tmp_path / "late.parquet")
    assert late["samples"].tolist() == [*[0] * 5120, *range(1, 881)]
    why = reasons(tmp_path / "late.parquet")
    assert "not longer than the delay of 0.32 s" in why["short"] and "earlier step" in why["middle"]


def test_the_same_voice_is_another_recording_of_the_clips_length(tmp_path):
    rows = [
        {"clip": name, "split": "test", "reference": reference}
        for name, reference in (("a", "x"), ("b", "y"), ("c", None), ("d", "gone"))
    ]
    sounds = {name: np.arange(1, length + 1).astype(np.int16) for name, length in (("x", 9), ("y", 3))}
    write_rows(tmp_path / "truth.parquet", [{"clip": r["clip"], "samples": np.ones(5, np.int16)} for r in rows], DUBS)
    write_rows(tmp_path / "audio.parquet", [{"clip": c, "samples": s} for c, s in sounds.items()], AUDIO)
    output = tmp_path / "same.parquet"
    same_voice(shard_of(rows, output, 0.9), tmp_path / "truth.parquet", (tmp_path / "audio.parquet",))
    assert {r["clip"]: r["samples"].tolist() for r in read_rows(output)} == {"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 0, 0]}
    why = reasons(output)
    assert "no other clip" in why["c"] and "earlier step" in why["d"]


def test_late_by_whole_frames():
    assert delayed(np.arange(1, 701), 1).tolist() == [*[0] * 640, *range(1, 61)]
    with pytest.raises(ClipError, match=r"0\.04 s"):
        delayed(np.ones(640), 1)


def test_frames_are_cut_or_run_backwards_and_forwards():
    features = np.array([[1, 10], [2, 20], [3, 30]])
    assert fit_frames(features, 2)[:, 0].tolist() == [1, 2]
    assert fit_frames(features, 3)[:, 1].tolist() == [10, 20, 30]
    assert fit_frames(features, 10)[:, 0].tolist() == [1, 2, 3, 3, 2, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("swap", SWAPS)
def test_one_input_is_anothers_and_all_else_the_clips_own(shard, swap):  # noqa: F811
    full, made = by_clip(dub(shard, ROWS)), by_clip(swapped(shard, swap))
    assert set(made) == set(TEXTS)
    said = {clip: phonemise(text).ids for clip, text in TEXTS.items()}
    for clip, row in made.items():
        assert row["n_tokens"] == full[clip]["n_tokens"] and row["frame_durations"].sum() == FRAMES[clip]
        assert (voice(row) == clip) == (swap != "other_voice")
        spoken = row["phonemes"].tolist()
        assert spoken in said.values() and (spoken == said[clip]) == (swap != "other_text")
        same_map = np.array_equal(row["attention_vt"], full[clip]["attention_vt"])
        assert row["attention_vt"] is None or same_map == (swap == "other_voice")


def test_without_a_partner_every_clip_fails_with_the_reason_and_the_job_does_not(shard):  # noqa: F811
    rows = [row(clip, dict.fromkeys(SPEAKERS, "a")) for clip in SPEAKERS]
    output = swapped(shard, "other_voice", rows)
    assert by_clip(output) == {} and set(reasons(output)) == set(TEXTS)
    assert "no test clip is of another speaker" in reasons(output)["long"]


def test_a_partner_without_features_fails_its_clip_alone(shard):  # noqa: F811
    found = [made for made in read_rows(shard / "features.parquet") if made["clip"] != "short"]
    from dubber.steps.features import FEATURES

    write_rows(shard / "features.parquet", found, FEATURES)
    why = reasons(swapped(shard, "other_video", max_failed_share=0.9))
    assert sum("features of its partner" in reason for reason in why.values()) == 1
    assert "no features of this clip" in why["short"]


# --- the teacher alone ------------------------------------------------------------------------------------------------


def test_durations_are_stretched_as_a_whole():
    assert stretched(np.array([1.0, 2.0, 1.0]), 8).tolist() == [2, 4, 2]
    assert stretched(np.array([1.0, 1.0, 1.0]), 4).tolist() == [1, 2, 1]
    assert stretched(np.array([0.2, 0.0, 0.4]), 3).tolist() == [1, 0, 2]
    assert stretched(np.zeros(4), 8).tolist() == [2, 2, 2, 2]
    assert stretched(np.random.default_rng(0).random(50), 37).sum() == 37


def test_the_prompt_is_the_middle():
    tokens = np.arange(10).repeat(6).reshape(10, 6).T
    assert middle(tokens, 0.3)[0].tolist() == [3, 4, 5]
    assert middle(tokens, 0.01)[5].tolist() == [4]


@pytest.fixture
def teacher(shard: Path) -> Path:  # noqa: F811
    torch.manual_seed(0)
    model = randomise(TTS(SIZES, OBJECTIVE))
    save_model(shard / "teacher.safetensors", model.state_dict(), description("stage1", SIZES))
    write_rows(shard / "crops.parquet", [{"clip": c, "n_frames": n} for c, n in FRAMES.items() if c != "long"], CROPS)
    return shard / "teacher.safetensors"


def text_only(teacher: Path, model: Path | None = None) -> Path:
    output = teacher.parent / "text_only.parquet"
    folder = teacher.parent
    with mock.patch.object(speech, "load_codec", lambda *_: SpokenCodec()):
        text_only_step(
            shard_of(ROWS, output, 0.5),
            speaking(folder, SETTINGS, model=(model or teacher).stem),
            folder / "crops.parquet",
            (folder / "tokens.parquet",),
        )
    return output


def test_the_teacher_speaks_as_long_as_the_video_in_the_clips_own_voice(teacher):
    output = text_only(teacher)
    made = by_clip(output)
    assert set(made) == {"short", "middle"}
    for clip, row in made.items():
        assert row["n_tokens"] == SIZES.tokens_in(FRAMES[clip]) and len(row["samples"]) == 200 * row["n_tokens"]
        assert voice(row) == clip and row["batch"] == 2 and row["nfe"] == 3
        assert row["frame_durations"] is None and row["attention_vt"] is None
    assert [row["clip"] for row in read_rows(failures_path(output))] == ["long"]


def test_a_student_is_no_teacher(teacher):
    with pytest.raises(DubberError, match="model of stage1 is wanted"):
        text_only(teacher, teacher.parent / "model.safetensors")
