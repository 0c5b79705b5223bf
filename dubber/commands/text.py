"""`dubber text`: how a text is read, as words and phonemes."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "text",
        help="show how a text is read: its words and phonemes",
        description="Show how a text is read: words as they are spoken, and their ARPAbet phonemes, a line for each "
        "phrase. What is wrong can be corrected with --pronounce, here and in `dubber dub`.",
    )
    parser.add_argument("text", nargs="?", help="what is said; default: the standard input")
    add_names(parser)
    return parser


def add_names(parser: argparse.ArgumentParser) -> None:
    """The options for the pronunciation of names."""
    parser.add_argument(
        "--pronounce",
        action="append",
        default=[],
        metavar="WORD=PHONEMES",
        help='such as "Siobhan=SH AH V AO N"; may be given several times',
    )
    parser.add_argument(
        "--pronunciations", type=Path, metavar="FILE", help="a file with a line WORD=PHONEMES for each word"
    )


def read_given_names(args: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """The pronunciations of both options; --pronounce goes before the file.

    Raises:
        DubberError: the file cannot be read, or an entry is not a pronunciation.
    """
    from dubber.dub.subtitles import read_text
    from dubber.text.phonemes import read_names

    lines = read_text(args.pronunciations).splitlines() if args.pronunciations else []
    return read_names([*lines, *args.pronounce])


def run(args: argparse.Namespace) -> None:
    """Print words and phonemes.

    Raises:
        DubberError: the text holds nothing that can be spoken, or a pronunciation is wrong.
    """
    import sys

    from dubber.text.phonemes import phonemise

    spoken = phonemise(sys.stdin.read() if args.text is None else args.text, read_given_names(args))
    words: list[str] = []
    phones: list[str] = []
    last = len(spoken.words) - 1
    for i, (word, said, pause) in enumerate(zip(spoken.words, spoken.phones, spoken.pause_after, strict=True)):
        words.append(word)
        phones.append(" ".join(said))
        if pause or i == last:
            print(f"{' '.join(words)}\n    {' | '.join(phones)}")
            words, phones = [], []
