"""Outputs are decided before any work: none is an input by any name, exists unasked, or cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dubber.errors import DubberError
from dubber.files import Output, check_outputs, temporary_beside

ENDINGS = (".mp4", ".wav")


@pytest.fixture
def video(tmp_path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_text("a video")
    return path


def refusal(*outputs: Output, force: bool = True, **inputs: Path | None) -> str:
    with pytest.raises(DubberError) as told:
        check_outputs(outputs, inputs, force=force)
    return str(told.value)


def file(path: Path) -> Output:
    return Output(path, ENDINGS)


def test_a_new_file_may_be_written_and_nothing_is_left_of_asking(video, tmp_path):
    check_outputs([file(tmp_path / "a.mp4"), file(tmp_path / "a.wav")], {"video": video, "text": None}, force=False)
    assert {path.name for path in tmp_path.iterdir()} == {"video.mp4"}


@pytest.mark.parametrize("name", ["same", "symbolic", "hard", "relative", "chain"])
def test_an_input_is_never_replaced_whatever_it_is_called(video, tmp_path, name, monkeypatch):
    path = tmp_path / "other.mp4"
    match name:
        case "same":
            path = video
        case "symbolic":
            path.symlink_to(video)
        case "hard":
            path.hardlink_to(video)
        case "chain":
            (tmp_path / "between.mp4").symlink_to(video)
            path.symlink_to(tmp_path / "between.mp4")
        case "relative":
            (tmp_path / "folder").mkdir()
            monkeypatch.chdir(tmp_path / "folder")
            path = Path("../folder/../video.mp4")
    assert "would replace the video itself" in refusal(file(path), video=video)
    assert video.read_text() == "a video"


def test_each_input_is_named(video, tmp_path):
    voice = tmp_path / "t.wav"
    voice.touch()
    told = refusal(file(tmp_path / "t.mp4"), Output(voice, ENDINGS, "speech alone"), video=video, reference=voice)
    assert "The speech alone would replace the reference itself." in told


def test_a_part_of_a_model_is_an_input(video, tmp_path):
    model = tmp_path / "model"
    (model / "codec").mkdir(parents=True)
    (model / "codec" / "codec.safetensors").touch()
    (tmp_path / "a.mp4").hardlink_to(model / "codec" / "codec.safetensors")
    assert "a part of the model itself" in refusal(file(tmp_path / "a.mp4"), model=model)
    check_outputs([file(model / "new.mp4")], {"model": model}, force=True)


def test_what_exists_is_replaced_on_request_only(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    for name in ("a.mp4", "dangling.mp4"):
        assert "The output exists." in refusal(file(tmp_path / name), force=False)
        check_outputs([file(tmp_path / name)], {}, force=True)


def test_what_cannot_be_written_is_said_with_the_reason(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "ends in '.avi'" in refusal(file(tmp_path / "a.avi"))
    assert "ends in ''" in refusal(file(tmp_path / "mp4"))
    assert "The output is a folder." in refusal(file(tmp_path / "folder.mp4"))
    assert "does not exist" in refusal(file(tmp_path / "none" / "a.mp4"))
    assert "does not exist" in refusal(file(tmp_path / "file" / "a.mp4"))
    assert "is not a file" in refusal(file(tmp_path / "pipe.mp4"))
    assert "File name too long" in refusal(file(tmp_path / f"{'x' * 250}.mp4"))
    assert {path.name for path in tmp_path.iterdir()} == {"folder.mp4", "file", "pipe.mp4"}


def test_two_outputs_are_two_files(tmp_path):
    told = refusal(file(tmp_path / "a.wav"), Output(tmp_path / "b" / ".." / "a.wav", ENDINGS, "speech alone"))
    assert "The speech alone and the output are one file." in told


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path):
    if os.getuid() == 0:  # root may write everywhere but where the kernel says no
        assert "The output cannot be written" in refusal(file(Path("/proc/a.mp4")))
        return
    tmp_path.chmod(0o555)
    assert "The output cannot be written: Permission denied." in refusal(file(tmp_path / "a.mp4"))
    tmp_path.chmod(0o755)


def test_a_folder_is_replaced_only_if_it_is_of_the_same_kind(video, tmp_path):
    model = tmp_path / "a.dubber"
    model.mkdir()
    output = Output(model, marker="dubber.json", what="an exported model")
    check_outputs([output], {}, force=False)  # an empty one
    (model / "mine.txt").touch()
    assert "is not an exported model" in refusal(output)
    (model / "dubber.json").touch()
    assert "exists" in refusal(output, force=False)
    check_outputs([output], {}, force=True)
    for name, inside in (("model", model), ("model's codec", model / "dubber.json")):
        assert f"would replace {'a part of ' if inside != model else ''}the {name} itself" in refusal(
            output, **{name: inside}
        )
    assert "is not an exported model" in refusal(Output(video, marker="dubber.json", what="an exported model"))


def test_the_temporary_name_is_beside_the_output(tmp_path):
    assert temporary_beside(tmp_path / "a.mp4") == tmp_path / f".a.mp4.{os.getpid()}.tmp"
