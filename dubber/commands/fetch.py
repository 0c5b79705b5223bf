"""`dubber fetch`: published corpora and weights, with size and licence shown before anything is fetched."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "fetch",
        help="fetch published corpora or weights; shows their size, source and licence first",
        description="Fetch published files that the project does not hold itself. Every file whose SHA-256 is "
        "published is checked.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a group, or one file of it; --list names them")
    parser.add_argument("--list", action="store_true", help="say what there is, and fetch nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--downloads", type=Path, default=Path("downloads"), metavar="FOLDER", help="for weights")
    parser.add_argument("--data-root", type=Path, default=Path("data"), metavar="FOLDER", help="for corpora")
    return parser


def run(args: argparse.Namespace) -> None:
    """List or fetch.

    Raises:
        DubberError: there is no such name, or a file cannot be fetched or is not the expected one.
    """
    from dubber.assets import assets, find
    from dubber.errors import DubberError

    if args.list or not args.names:
        print(listed(assets(), args.downloads))
        return
    rows = [row for name in args.names for row in find(name)]
    print(detailed(rows))
    if not args.yes and sys.stdin.isatty() and input("Fetch? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DubberError("Nothing was fetched.")
    from dubber.fetch import fetch_all

    for path in fetch_all(rows, args.downloads, args.data_root):
        print(path)


def listed(rows, downloads: Path) -> str:
    """A line for each group: files, size, licences, whether it is here."""
    lines = []
    for name in dict.fromkeys(row.group for row in rows):
        files = [row for row in rows if row.group == name]
        here = sum((downloads / name / row.file).exists() for row in files)
        known = sum(row.mb or 0 for row in files)
        size = f"{known:,.1f} MB" if all(row.mb for row in files) else "size not listed"
        licences = ", ".join(dict.fromkeys(row.licence for row in files))
        lines.append(f"{name:18} {here}/{len(files)} files here, {size}, {licences}")
    return "\n".join(lines)


def detailed(rows) -> str:
    """A line for each file: size, licence, source, and whether a checksum decides."""
    checked = {True: "SHA-256 checked", False: "no SHA-256 is published: the first one is recorded"}
    return "\n".join(f"{r.name}: {r.size}, {r.licence}, from {r.origin}; {checked[bool(r.sha256)]}" for r in rows)
