"""`dubber export`: a run as one folder that another machine dubs with."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "export",
        help="write a run as one folder that another machine loads without the training data",
        description="Write a run as one folder: weights, settings, codec, features, licences and origin of all of it.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="RUN", help="runs/<experiment>/<run>")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="such as demo.dubber")
    parser.add_argument(
        "--without-published-weights",
        action="store_true",
        help="leave out what others trained (FACodec, lip reading, FAN): whoever loads the folder puts it there",
    )
    parser.add_argument("--half", action="store_true", help="weights in half precision: half the size")
    parser.add_argument("--force", action="store_true", help="replace an exported folder that exists")
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the folder.

    Raises:
        DubberError: the run lacks a part, the output exists, or the disk is full.
    """
    from dubber.dub.bundle import open_bundle
    from dubber.dub.export import export

    bundle = open_bundle(args.checkpoint)
    published = not args.without_published_weights
    print(export(bundle, args.output, half=args.half, published_weights=published, force=args.force))
