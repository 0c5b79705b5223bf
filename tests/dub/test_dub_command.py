"""`dubber dub` as people type it: what it writes, and the one line it says for each thing that can go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from dubber.cli import main
from dubber.dub import video
from dubber.media.audio import read_audio, write_wav
from dubber.media.video import probe
from tests.conftest import ROOT
from tests.helpers import tiny_project

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def options(tiny_export, film, reference, tmp_path) -> dict[str, object]:
    return {
        "checkpoint": tiny_export,
        "video": film,
        "text": "bin blue now",
        "reference": reference,
        "output": tmp_path / "out.mp4",
        "device": "cpu",
    }


def dub(options: dict[str, object], *flags: str, **changes: object) -> None:
    given = {name: value for name, value in {**options, **changes}.items() if value is not None}
    main(
        [
            "dub",
            *(part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))),
            *flags,
        ]
    )


def refusal(capsys, options: dict[str, object], *flags: str, **changes: object) -> str:
    """What the command says when it gives up; nothing may be written."""
    folder = Path(options["output"]).parent
    before = {path.name for path in folder.iterdir()}
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        dub(options, *flags, **changes)
    assert ended.value.code == 1
    assert {path.name for path in folder.iterdir()} == before
    told = capsys.readouterr().err
    return next(line for line in told.splitlines() if line.startswith("dubber: "))


def test_a_video_and_its_speech_are_written(options, capsys):
    dub(options, "--keep-wav", nfe=1, sampler="euler", seed=4, temperature=0.9, precision="bf16")
    out = options["output"]
    assert capsys.readouterr().out.split() == [str(out), str(out.with_suffix(".wav"))]
    assert probe(out).has_audio and probe(out).codec == "h264"
    assert len(read_audio(out.with_suffix(".wav")).samples) == 2 * 16_000


def test_a_text_file_says_the_same(options, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("bin blue\nnow\n")
    dub(options, "--keep-wav")
    dub(options, "--keep-wav", text=None, text_file=tmp_path / "words.txt", output=tmp_path / "b.mp4")
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()


def test_subtitles_with_times_and_silence(options, tmp_path, capsys):
    srt = tmp_path / "a.srt"
    srt.write_text(
        "1\n00:00:00,500 --> 00:00:01,500\nbin blue\n\n2\n00:00:01,600 --> 00:00:01,700\nset white by k now\n"
    )
    assert "Cue 2 cannot be dubbed: the text is too long" in refusal(capsys, options, text=None, subtitles=srt)
    dub(options, "--skip-failed", "--background", "silence", text=None, subtitles=srt)
    assert "1 cues dubbed, 1 left out" in capsys.readouterr().out
    heard = read_audio(options["output"]).samples
    assert np.abs(heard[:7000]).max() < 0.01 < np.abs(heard[8000:24_000]).max()


def test_a_text_is_phonemised_once_and_a_video_probed_once(options, monkeypatch):
    counts = {"phonemise": 0, "probe": 0}

    def counted(name, call):
        def count(*args):
            counts[name] += 1
            return call(*args)

        return count

    for name in counts:
        monkeypatch.setattr(video, name, counted(name, getattr(video, name)))
    dub(options)
    assert counts == {"phonemise": 1, "probe": 1}


def test_faces_are_shown_on_request(options, tmp_path):
    dub(options, show_faces=tmp_path / "faces.png", text=None, reference=None, output=None)
    assert cv2.imread(str(tmp_path / "faces.png")).shape[1] == 640 and len(list(tmp_path.iterdir())) == 1


def test_one_line_for_what_is_wrong_with_the_words(options, capsys):
    assert "no word that can be spoken: ''" in refusal(capsys, options, text="")
    assert "no word that can be spoken: '?!'" in refusal(capsys, options, text="?!")
    assert "only Latin letters can" in refusal(capsys, options, text="дом")
    assert "too long for its span: 29 phonemes in 0.48 s, which has room for 12" in refusal(
        capsys, options, "--end", "0.5", text="seventy seven silent ships sailed south"
    )
    assert "must be given" in refusal(capsys, options, text=None)
    assert "Subtitles come with their own times" in refusal(
        capsys, options, "--end", "0.5", text=None, subtitles="none.srt"
    )
    assert "cannot be read" in refusal(capsys, options, text=None, subtitles="none.srt")


def test_one_line_for_what_is_wrong_with_the_voice(options, tmp_path, capsys):
    write_wav(tmp_path / "short.wav", np.full(3000, 0.1, np.float32))
    write_wav(tmp_path / "silent.wav", np.zeros(40_000, np.float32))
    (tmp_path / "words.wav").write_text("no sound")
    assert "reference speech cannot be used: it has 0.19" in refusal(capsys, options, reference=tmp_path / "short.wav")
    assert "cannot be used: it is silent" in refusal(capsys, options, reference=tmp_path / "silent.wav")
    assert "cannot be used: words.wav cannot be decoded" in refusal(capsys, options, reference=tmp_path / "words.wav")
    assert "cannot be used: the file is missing" in refusal(capsys, options, reference=tmp_path / "none.wav")


def test_one_line_for_what_is_wrong_with_the_video(options, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(Path(options["video"]).read_bytes()[:3000])
    stripes = tiny_project.write_film(tmp_path / "stripes.mp4", tiny_project.every(25, 1), tiny_project.no_face)
    assert "the file is missing" in refusal(capsys, options, video=tmp_path / "none.mp4")
    assert "broken.mp4 cannot be decoded" in refusal(capsys, options, video=broken)
    assert "no video stream" in refusal(capsys, options, video=options["reference"])
    assert "The text cannot be dubbed: no face found" in refusal(capsys, options, video=stripes)
    assert "there is no face 2: 1 found" in refusal(capsys, options, face=2)


def test_one_line_for_what_is_wrong_with_the_output(options, tmp_path, capsys):
    (tmp_path / "there.mp4").touch()
    assert "The output exists." in refusal(capsys, options, output=tmp_path / "there.mp4")
    assert "would replace the video itself" in refusal(capsys, options, "--force", output=options["video"])
    assert "ends in '.avi'" in refusal(capsys, options, output=tmp_path / "a.avi")


def test_nothing_that_the_command_reads_is_lost(options, tmp_path, capsys):
    voice = tmp_path / "t.wav"
    voice.write_bytes(Path(options["reference"]).read_bytes())
    link = tmp_path / "link.mp4"
    link.symlink_to(options["video"])
    before = {path: path.read_bytes() for path in (voice, Path(options["video"]))}
    told = refusal(capsys, options, "--force", "--keep-wav", reference=voice, output=tmp_path / "t.mp4")
    assert "The speech alone would replace the reference itself." in told
    assert "would replace the video itself" in refusal(capsys, options, "--force", output=link)
    png = tmp_path / "a.png"
    png.symlink_to(options["video"])
    assert "would replace the video itself" in refusal(capsys, options, "--force", show_faces=png)
    assert "ends in '.mp4'" in refusal(capsys, options, "--force", show_faces=options["video"])
    png.unlink()
    png.write_text("mine")
    assert "The picture of the faces exists." in refusal(capsys, options, show_faces=png)
    assert {path: path.read_bytes() for path in before} == before and png.read_text() == "mine"


def test_outputs_that_cannot_be_written_are_refused_before_the_model_is_loaded(options, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dubber.dub.load.load", lambda *args, **kwargs: pytest.fail("the model was loaded"))
    assert "does not exist" in refusal(capsys, options, output=tmp_path / "none" / "a.mp4")
    assert "The output is a folder." in refusal(capsys, options, output=tmp_path)
    assert "The file is missing" in refusal(capsys, options, video=tmp_path / "none.mp4").replace(
        "the file", "The file"
    )


def test_the_speech_alone_is_written_once(options, tmp_path, capsys):
    dub(options, "--keep-wav", output=tmp_path / "a.wav")
    assert capsys.readouterr().out.split() == [str(tmp_path / "a.wav")]


def test_one_line_for_what_is_wrong_with_the_model(options, own_export, capsys):
    assert "There is no model." in refusal(capsys, options, checkpoint=own_export.parent)
    content = (own_export / "model.safetensors").read_bytes()
    (own_export / "model.safetensors").write_bytes(content[:-8])
    assert "model.safetensors has" in refusal(capsys, options, checkpoint=own_export)
    assert "sampler: Input should be 'euler'" in refusal(capsys, options, sampler="best")
    assert "The device 'cuda:99' cannot be used" in refusal(capsys, options, device="cuda:99")
    assert "The device 'abacus' cannot be used" in refusal(capsys, options, device="abacus")


# --- the page -----------------------------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "guide" / "dubbing.md"


@pytest.fixture
def desk(tiny_export, reference, tmp_path, monkeypatch) -> Path:
    """The folder in which the page's examples are run."""
    monkeypatch.chdir(tmp_path)
    Path("demo.dubber").symlink_to(tiny_export)
    Path("voice.wav").symlink_to(reference)
    tiny_project.write_film(Path("in.mp4"), tiny_project.every(25, 7))
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.mark.slow
def test_the_pages_python_runs(desk, capsys):
    Path("words.srt").write_text(blocks("srt")[0])
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), {})
    assert {path.name for path in desk.glob("out*")} == {"out.mp4", "out.wav", "out_cues.mp4"}


@pytest.mark.slow
def test_the_pages_commands_run(desk, tiny_run, capsys):
    Path("words.srt").write_text(blocks("srt")[0])
    Path("week.csv").write_text(blocks("csv")[0])
    for day in (Path("monday.mp4"), Path("tuesday.mov")):
        day.with_suffix(".srt").symlink_to("words.srt")
        tiny_project.write_film(day, tiny_project.every(25, 7))
    for voice in ("anna.wav", "default.wav"):
        Path(voice).symlink_to("voice.wav")
    commands = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    assert len(commands) >= 6
    for command in commands:
        words = re.findall(r'"[^"]*"|\S+', command.split("  #")[0])
        assert words[0] == "dubber"
        if "runs/" not in command:
            main([word.strip('"') for word in words[1:]])
    assert {"faces.png", "cues.mp4", "left.mp4", "monday.en.mp4", "tuesday.en.mp4"} <= {
        path.name for path in desk.iterdir()
    }
