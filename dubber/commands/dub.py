"""`dubber dub`: a video with other words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubber.commands.text import add_names, read_given_names
from dubber.errors import DubberError, writing_told

if TYPE_CHECKING:
    from dubber.dub.cues import Cue
    from dubber.dub.dubbed import DubbedVideo
    from dubber.dub.jobs import Job
    from dubber.dub.video import VideoDubber
    from dubber.files import Output


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "dub",
        help="dub a video: text, a talking face and a reference voice to speech in time with the lips",
        description="Dub a video. Its picture is copied untouched if players of such outputs play it.",
    )
    parser.add_argument(
        "--checkpoint", required=True, type=Path, metavar="RUN", help="exported folder, or runs/<experiment>/<run>"
    )
    videos = parser.add_mutually_exclusive_group(required=True)
    videos.add_argument(
        "--video", nargs="+", type=Path, help="any video file; of several, each is dubbed into the folder --output"
    )
    videos.add_argument(
        "--jobs", type=Path, metavar="CSV", help="a list of dubs: a video a line, and what differs between them"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--text", help="what is said")
    words.add_argument("--text-file", type=Path, help="a file with what is said")
    words.add_argument(
        "--subtitles", type=Path, metavar="FILE", help=".srt, .vtt, .sbv, .ass or .ssa: each cue into its own span"
    )
    parser.add_argument(
        "--keep-descriptions", action="store_true", help="speak speaker labels and sound descriptions of subtitles too"
    )
    add_names(parser)
    parser.add_argument("--reference", type=Path, help="sound or video file in which somebody speaks for a few seconds")
    parser.add_argument("-o", "--output", type=Path, help=".mp4, .m4v, .mov, .mkv or .webm; .wav: the speech alone")
    _add_places(parser)
    _add_sampling(parser)
    parser.add_argument(
        "--picture",
        choices=("auto", "copy", "encode"),
        default="auto",
        help="auto: copied if players of such outputs play it; copy: if the container takes it; encode: never",
    )
    parser.add_argument("--keep-wav", action="store_true", help="also write the speech alone, beside the output")
    parser.add_argument("--force", action="store_true", help="replace outputs that exist; never an input")
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--start", type=_time, default=0.0, metavar="TIME", help="of --text: seconds, or [h:]m:s")
    parser.add_argument("--end", type=_time, metavar="TIME", help="of --text; default: the end of the video")
    parser.add_argument("--face", type=int, metavar="N", help="whose lips, from the left; default: the largest face")
    parser.add_argument("--show-faces", type=Path, metavar="PNG", help="write a picture of the numbered faces and stop")
    parser.add_argument(
        "--background", choices=("keep", "silence"), default="keep", help="around the new speech (default: keep)"
    )
    parser.add_argument("--skip-failed", action="store_true", help="leave out cues that cannot be dubbed")
    parser.add_argument("--fit", action="store_true", help="give cues that are too long the pauses around them")


# Options that change the settings of these names (`dubber.dub.settings.SynthesisSettings`).
SAMPLING: dict[str, dict[str, Any]] = {
    "seed": {"type": int, "help": "another seed, another intonation"},
    "nfe": {"type": int, "metavar": "N", "help": "evaluations of the denoiser"},
    "sampler": {"help": "default: the experiment's, or a fast one in place of the paper's euler"},
    "temperature": {"type": float, "help": "below 1 is less varied"},
    "drafts": {"type": int, "metavar": "N", "help": "draws whose mean is spoken: steadier, and more work"},
    "precision": {
        "choices": ("auto", "float32", "bf16"),
        "help": "of the denoiser; auto: what the device is fast at",
    },
}


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    for name, options in SAMPLING.items():
        parser.add_argument(f"--{name}", **options)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<n> (default: auto)")


def _time(text: str) -> float:
    """The type of a time.

    Raises:
        ArgumentTypeError: it is not a time.
    """
    from dubber.dub.jobs import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> None:
    """Dub one video or several, or draw the faces.

    Raises:
        DubberError: an option is missing or contradicts another, an output cannot be written, or a dub fails.
    """
    jobs = _jobs(args)
    others = {"model": args.checkpoint, "pronunciations": args.pronunciations, "list of jobs": args.jobs}
    if args.jobs or len(jobs) > 1:
        _dub_all(args, jobs, others)
    else:
        _dub_one(args, jobs[0], others)


def _dub_one(args: argparse.Namespace, job: Job, others: Mapping[str, Path | None]) -> None:
    from dubber.files import check_outputs
    from dubber.media.video import probe

    cues, outputs = _cues(args, job), _outputs(args, job.output)
    check_outputs(outputs, {**job.inputs, **others}, force=args.force)
    probe(job.video)
    if args.show_faces:
        _show_faces(args, job.video, cues)
        return
    dubbed = _dub(_load(args), args, job, cues)
    for output in outputs:
        print(dubbed.save(output.path, force=args.force, picture=args.picture))
    if dubbed.left_out:
        print(f"{len(dubbed.pieces)} cues dubbed, {len(dubbed.left_out)} left out")


def _dub_all(args: argparse.Namespace, jobs: Sequence[Job], others: Mapping[str, Path | None]) -> None:
    """Do every job with one model, and list what failed."""
    from dubber.dub.jobs import check_jobs, do_jobs, write_failures
    from dubber.files import check_outputs

    failures = _failures(args)
    check_jobs(jobs, [output for job in jobs for output in _outputs(args, job.output)], others, failures)
    model = _load(args)

    def work(job: Job) -> None:
        outputs = _outputs(args, job.output)
        check_outputs(outputs, {**job.inputs, **others}, force=args.force)
        dubbed = _dub(model, args, job, _cues(args, job))
        for output in reversed(outputs):  # the one that says that the job is done comes last
            print(dubbed.save(output.path, force=args.force, picture=args.picture), flush=True)

    failed = do_jobs(jobs, work, again=args.force)
    if failed:
        write_failures(failures.path, failed)
        raise DubberError(
            f"{len(failed)} of {len(jobs)} videos could not be dubbed.",
            looked_at=failures.path,
            hint=f"Mend what the list says, then: dubber dub --jobs {failures.path} ...",
        )
    failures.path.unlink(missing_ok=True)


def _jobs(args: argparse.Namespace) -> list[Job]:
    """What is to be done, with the command line's values where a list has none.

    Raises:
        DubberError: an option is missing, or is of a single video.
    """
    from dubber.dub.jobs import Job, read_jobs

    words = {"text": args.text, "text_file": args.text_file, "subtitles": args.subtitles}
    shared = {**words, "reference": args.reference, "start": args.start, "end": args.end, "face": args.face}
    several = args.jobs is not None or len(args.video) > 1
    if several and args.show_faces:
        raise DubberError("The faces of one video are shown at a time.", hint="Name one --video.")
    if args.jobs is not None:
        jobs = [job.completed(shared, args.output) for job in read_jobs(args.jobs)]
    elif several:
        jobs = [Job(video, **shared).completed({}, args.output) for video in args.video]
    else:
        jobs = [Job(args.video[0], args.output, **shared)]
    if not args.show_faces:
        _check_given(args, jobs)
    return jobs


def _check_given(args: argparse.Namespace, jobs: Sequence[Job]) -> None:
    missing = [f"--{name}" for name in ("reference", "output") if any(getattr(job, name) is None for job in jobs)]
    if not all(job.has_words for job in jobs):
        missing.append("--text, --text-file or --subtitles")
    if missing:
        where = "" if args.jobs is None else ", here or in every line of the list"
        raise DubberError(f"{', '.join(missing)} must be given{where}.", hint="dubber dub --help")


def _failures(args: argparse.Namespace) -> Output:
    """The list of failures: beside the list of jobs, or in the folder of the outputs."""
    from dubber.files import Output

    path = args.jobs.parent / f"{args.jobs.stem}.failures.csv" if args.jobs else args.output / "failures.csv"
    return Output(path, (".csv",), "list of failures")


def _outputs(args: argparse.Namespace, path: Path | None) -> list[Output]:
    """Every file that will be written for one video."""
    from dubber.dub.dubbed import ENDINGS, WAV
    from dubber.files import Output

    if args.show_faces:
        return [Output(args.show_faces, (".png",), "picture of the faces")]
    assert path is not None  # checked before
    outputs = [Output(path, ENDINGS)]
    if args.keep_wav and path.suffix.lower() != WAV:
        outputs.append(Output(path.parent / f"{path.stem}{WAV}", (WAV,), "speech alone"))
    return outputs


def _load(args: argparse.Namespace) -> VideoDubber:
    from dubber.dub.load import load

    asked = {name: getattr(args, name) for name in SAMPLING}
    given = {name: value for name, value in asked.items() if value is not None}
    return load(args.checkpoint, device=args.device, names=read_given_names(args), **given)


def _dub(model: VideoDubber, args: argparse.Namespace, job: Job, cues: Sequence[Cue]) -> DubbedVideo:
    assert job.reference is not None  # checked before
    options = {"background": args.background, "skip_failed": args.skip_failed, "fit": args.fit}
    return model.dub(job.video, cues, job.reference, face=job.face, **options)


def _cues(args: argparse.Namespace, job: Job) -> Sequence[Cue]:
    """The words of a job, with their places in the video; without words, which faces need not, the whole of it."""
    return (job if job.has_words else replace(job, text="")).cues(keep_descriptions=args.keep_descriptions)


def _show_faces(args: argparse.Namespace, video: Path, cues: Sequence[Cue]) -> None:
    from dubber.files import atomic_path

    png = _load(args).faces(video, cues)
    with writing_told("The picture", args.show_faces), atomic_path(args.show_faces) as temporary:
        temporary.write_bytes(png)
    print(args.show_faces)
