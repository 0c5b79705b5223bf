"""`dubber dub`: a video with other words."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubber.commands.text import add_names, read_given_names
from dubber.errors import DubberError, writing_told

if TYPE_CHECKING:
    from dubber.dub.cues import Cue
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
    parser.add_argument("--video", required=True, type=Path, help="any video file")
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
    parser.add_argument("--start", type=_seconds, default=0.0, metavar="TIME", help="of --text: seconds, or [h:]m:s")
    parser.add_argument("--end", type=_seconds, metavar="TIME", help="of --text; default: the end of the video")
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


def _seconds(text: str) -> float:
    """The type of a time: seconds, or hours, minutes and seconds with colons."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < math.inf for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid time; use 12.5, 1:02.5 or 1:00:02.5")
    return sum(part * 60**i for i, part in enumerate(reversed(parts)))


def run(args: argparse.Namespace) -> None:
    """Dub, or draw the faces.

    Raises:
        DubberError: an option is missing or contradicts another, an output cannot be written, or the dubbing fails.
    """
    from dubber.files import check_outputs
    from dubber.media.video import probe

    cues, outputs = _cues(args), _outputs(args)
    inputs = {"model": args.checkpoint, "video": args.video, "reference": args.reference}
    inputs |= {"text": args.text_file, "subtitles": args.subtitles, "pronunciations": args.pronunciations}
    check_outputs(outputs, inputs, force=args.force)
    probe(args.video)
    if args.show_faces:
        _show_faces(args, cues)
        return
    dubbed = _load(args).dub(
        args.video,
        cues,
        args.reference,
        face=args.face,
        background=args.background,
        skip_failed=args.skip_failed,
        fit=args.fit,
    )
    for output in outputs:
        print(dubbed.save(output.path, force=args.force, picture=args.picture))
    if dubbed.left_out:
        print(f"{len(dubbed.pieces)} cues dubbed, {len(dubbed.left_out)} left out")


def _outputs(args: argparse.Namespace) -> list[Output]:
    """Every file that will be written."""
    from dubber.dub.dubbed import ENDINGS, WAV
    from dubber.files import Output

    if args.show_faces:
        return [Output(args.show_faces, (".png",), "picture of the faces")]
    outputs = [Output(args.output, ENDINGS)]
    if args.keep_wav and args.output.suffix.lower() != WAV:
        outputs.append(Output(args.output.parent / f"{args.output.stem}{WAV}", (WAV,), "speech alone"))
    return outputs


def _load(args: argparse.Namespace):
    from dubber.dub.load import load

    asked = {name: getattr(args, name) for name in SAMPLING}
    given = {name: value for name, value in asked.items() if value is not None}
    return load(args.checkpoint, device=args.device, names=read_given_names(args), **given)


def _cues(args: argparse.Namespace) -> Sequence[Cue]:
    """The words of --text, --text-file or --subtitles, with their places in the video."""
    from dubber.dub.cues import Cue, read_subtitles
    from dubber.dub.subtitles import read_text

    needed = () if args.show_faces else ("reference", "output")
    missing = [f"--{name}" for name in needed if getattr(args, name) is None]
    if not args.show_faces and (args.text, args.text_file, args.subtitles) == (None, None, None):
        missing.append("--text, --text-file or --subtitles")
    if missing:
        raise DubberError(f"{', '.join(missing)} must be given.", hint="dubber dub --help")
    if args.subtitles is None:
        text = args.text or "" if args.text_file is None else read_text(args.text_file)
        return [Cue.from_text(text, args.start, args.end)]
    if args.start or args.end is not None:
        raise DubberError("Subtitles come with their own times: --start and --end are of --text.")
    return read_subtitles(args.subtitles, keep_descriptions=args.keep_descriptions)


def _show_faces(args: argparse.Namespace, cues: Sequence[Cue]) -> None:
    from dubber.files import atomic_path

    png = _load(args).faces(args.video, cues)
    with writing_told("The picture", args.show_faces), atomic_path(args.show_faces) as temporary:
        temporary.write_bytes(png)
    print(args.show_faces)
