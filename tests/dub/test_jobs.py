"""Several videos by one command: the list is read strictly, one failure costs itself, and nothing is done twice."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from dubber.cli import main
from dubber.dub.jobs import COLUMNS, REASON, Job, read_jobs
from dubber.errors import DubberError

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "bin blue at f two now"


def written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


@pytest.fixture
def videos(film, tmp_path) -> list[Path]:
    """Two films and a file that is none."""
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(film, tmp_path / name)
    return [tmp_path / "a.mp4", tmp_path / "b.mp4", written(tmp_path / "broken.mp4", "no film")]


def dub(tiny_export: Path, *arguments: object) -> None:
    main(["dub", "--checkpoint", str(tiny_export), "--nfe", "1", *map(str, arguments)])


def test_the_jobs_of_a_list(tmp_path):
    path = written(
        tmp_path / "jobs.csv", "video;text;start;end;face;output", "a.mp4;one, two;0:01;2.5;2;o.mkv", "b.mp4;;;;;"
    )
    first, second = read_jobs(path)
    assert first == Job(tmp_path / "a.mp4", tmp_path / "o.mkv", text="one, two", start=1.0, end=2.5, face=2)
    assert second == Job(tmp_path / "b.mp4")


def test_the_command_line_says_what_a_line_does_not(tmp_path):
    shared = {"text": "for all", "start": 1.0, "reference": tmp_path / "v.wav", "face": 1}
    own = Job(Path("x/a.avi"), text="its own").completed(shared, tmp_path)
    assert (own.text, own.start, own.face, own.output) == ("its own", 0.0, 1, tmp_path / "a.mp4")
    bare = Job(Path("x/b.mkv")).completed(shared, tmp_path)
    assert (bare.text, bare.start, bare.reference, bare.output) == (
        "for all",
        1.0,
        tmp_path / "v.wav",
        tmp_path / "b.mkv",
    )


@pytest.mark.parametrize(("lines", "words"), [
    (["video,txt", "a.mp4,hello"], "did you mean 'text'"),
    (["text", "hello"], "no column 'video'"),
    (["video,text"], "holds no job"),
    (["video,text", ",hello"], "names no video"),
    (["video,text", "a.mp4,hello,more"], "3 cells; the header has 2"),
    (["video,start", "a.mp4,soon"], "'soon' is not a valid time"),
    (["video,face", "a.mp4,left"], "'left' is not a number"),
])  # fmt: skip
def test_a_wrong_list_says_what_and_where(tmp_path, lines, words):
    with pytest.raises(DubberError, match=words) as told:
        read_jobs(written(tmp_path / "jobs.csv", *lines))
    assert "jobs.csv" in str(told.value)


def test_one_failure_costs_itself_and_what_is_done_is_not_done_again(tiny_export, reference, videos, tmp_path, capsys):
    jobs = written(tmp_path / "jobs.csv", "video,output", *(f"{v.name},{v.stem}.out.mp4" for v in videos))
    options = ("--jobs", jobs, "--text", TEXT, "--reference", reference)
    with pytest.raises(SystemExit) as ended:
        dub(tiny_export, *options)
    told = capsys.readouterr()
    assert ended.value.code == 1 and "1 of 3 videos could not be dubbed" in told.err
    assert told.out.split() == [str(tmp_path / "a.out.mp4"), str(tmp_path / "b.out.mp4")]
    with (tmp_path / "jobs.failures.csv").open() as file:
        (failed,) = csv.DictReader(file)
    assert failed["video"] == str(videos[2]) and failed["text"] == TEXT and failed[REASON]
    (again,) = read_jobs(tmp_path / "jobs.failures.csv")
    assert again.output == tmp_path / "broken.out.mp4" and again.reference == reference

    before = (tmp_path / "a.out.mp4").stat().st_mtime_ns
    shutil.copy(videos[0], videos[2])
    dub(tiny_export, *options)
    assert capsys.readouterr().out.split() == [str(tmp_path / "broken.out.mp4")]
    assert (tmp_path / "a.out.mp4").stat().st_mtime_ns == before
    assert not (tmp_path / "jobs.failures.csv").exists()


def test_several_videos_go_into_a_folder(tiny_export, reference, videos, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    dub(
        tiny_export,
        "--video",
        *videos[:2],
        "--text",
        TEXT,
        "--reference",
        reference,
        "-o",
        tmp_path / "out",
        "--keep-wav",
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.mp4", "a.wav", "b.mp4", "b.wav"}


def test_no_output_replaces_what_another_job_reads(tiny_export, reference, videos, tmp_path, capsys):
    lines = ["video,output", "a.mp4,b.mp4", "b.mp4,c.mp4"]
    before = videos[1].read_bytes()
    with pytest.raises(SystemExit):
        dub(
            tiny_export,
            "--jobs",
            written(tmp_path / "jobs.csv", *lines),
            "--text",
            TEXT,
            "--reference",
            reference,
            "--force",
        )
    assert "would replace the video of job 2" in capsys.readouterr().err and videos[1].read_bytes() == before
    for wrong in (["video,output", "a.mp4,c.mp4", "b.mp4,c.mp4"], ["video", "a.mp4"]):
        with pytest.raises(SystemExit):
            dub(tiny_export, "--jobs", written(tmp_path / "jobs.csv", *wrong), "--text", TEXT, "--reference", reference)
    told = capsys.readouterr().err
    assert "are one file" in told and "--output must be given, here or in every line of the list" in told


def test_the_speech_alone_replaces_no_voice_and_nothing_unasked(tiny_export, reference, videos, tmp_path, capsys):
    (tmp_path / "voices").mkdir()
    voice = tmp_path / "voices" / "b.wav"
    shutil.copy(reference, voice)
    before = voice.read_bytes()
    lines = ["video,reference,output", f"a.mp4,{reference},voices/b.mp4", "b.mp4,voices/b.wav,c.mp4"]
    jobs = written(tmp_path / "jobs.csv", *lines)
    with pytest.raises(SystemExit):
        dub(tiny_export, "--jobs", jobs, "--text", TEXT, "--keep-wav", "--force")
    assert "would replace the reference of job 2" in capsys.readouterr().err and voice.read_bytes() == before

    mine = written(tmp_path / "c.wav", "my own")
    jobs = written(tmp_path / "jobs.csv", "video,output", "a.mp4,c.mp4")
    with pytest.raises(SystemExit):
        dub(tiny_export, "--jobs", jobs, "--text", TEXT, "--reference", reference, "--keep-wav")
    assert "The speech alone exists" in (tmp_path / "jobs.failures.csv").read_text()
    assert mine.read_text() == "my own\n"
    assert not (tmp_path / "c.mp4").exists()


def test_a_file_of_ones_own_is_no_list_of_failures(tiny_export, reference, videos, tmp_path, capsys):
    mine = written(tmp_path / "jobs.failures.csv", "my,own")
    jobs = written(tmp_path / "jobs.csv", "video,output", "a.mp4,c.mp4")
    with pytest.raises(SystemExit):
        dub(tiny_export, "--jobs", jobs, "--text", TEXT, "--reference", reference)
    assert "has the name of the list of failures" in capsys.readouterr().err and mine.read_text() == "my,own\n"


def test_the_columns_are_documented():
    page = (Path(__file__).parents[2] / "docs/guide/dubbing.md").read_text()
    assert all(f"`{column}`" in page for column in COLUMNS)
