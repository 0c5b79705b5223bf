"""`dubber info`: what a trained model is."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "info",
        help="say what a trained model is: sizes, codec, corpora, training, backends, licences",
        description="Say what a trained model is, of an exported folder (which is verified) or of a run of a project.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="RUN", help="exported folder, or runs/<experiment>/<run>")
    parser.add_argument("--json", action="store_true", help="where it comes from, for machines")
    return parser


def run(args: argparse.Namespace) -> None:
    """Print it.

    Raises:
        DubberError: there is no model, or it is damaged.
    """
    from dubber.dub.bundle import open_bundle
    from dubber.dub.model_card import information

    bundle = open_bundle(args.checkpoint)
    print(bundle.origin.model_dump_json(indent=2) if args.json else information(bundle))
