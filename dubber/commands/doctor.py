"""`dubber doctor`: what works on this machine, and the command for what is missing."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ENOUGH_GB = 10  # the environment has 3 GB with PyTorch for the CPU, some 3 more with CUDA; the demo 0.2
ENCODERS = ("libx264", "libvpx-vp9", "aac", "libopus")  # of the outputs that `dubber dub` writes


@dataclass(frozen=True)
class Finding:
    """One line of the answer.

    Attributes:
        name: what was looked at.
        works: None where it is optional and missing.
        said: what was found.
        remedy: the command or setting that helps.
    """

    name: str
    works: bool | None
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {True: "ok", None: "--", False: "NO"}[self.works]
        return f"{mark}  {self.name}: {self.said}" + (f"\n      {self.remedy}" if self.remedy else "")


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    return subparsers.add_parser(
        "doctor",
        help="say what works on this machine, and the command for what is missing",
        description="Look at this machine and folder: libraries, GPU, aligner, fetched files, space. Exit code 1 if "
        "something is missing that every dub needs; what is optional is marked --.",
    )


def run(args: argparse.Namespace) -> None:
    """Print what was found.

    Raises:
        SystemExit: with code 1, if something is missing that every dub needs.
    """
    findings = [finding for check in CHECKS for finding in check()]
    print("\n".join(map(str, findings)))
    if any(finding.works is False for finding in findings):
        raise SystemExit(1)


def _libraries() -> Iterator[Finding]:
    """The packages that dubbing loads, and FFmpeg's encoders."""
    for name in ("torch", "av", "opencv-python-headless", "pyworld", "pocketsphinx", "soxr", "silero-vad"):
        found = _version(name)
        yield Finding(name, found is not None, found or "not installed", "" if found else "make venv")
    both = [name for name in ("opencv-python", "opencv-contrib-python") if _version(name)]
    if both:
        same = "the same release must be installed of both, as they share a folder"
        yield Finding("OpenCV", None, f"{' and '.join(both)} beside the headless one: {same}")
    import av

    missing = [name for name in ENCODERS if name not in av.codecs_available]
    if missing:
        yield Finding("FFmpeg's libraries", False, f"without {', '.join(missing)}", "pip install --force-reinstall av")
    else:
        yield Finding("FFmpeg's libraries", True, f"encode {', '.join(ENCODERS)}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _device() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count()))
        yield Finding("GPU", True, names)
    else:
        built = (
            f"PyTorch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "PyTorch is built without CUDA"
        )
        yield Finding(
            "GPU", None, f"none is seen; {built}. Everything runs on the CPU, {torch.get_num_threads()} threads"
        )


def _aligner() -> Iterator[Finding]:
    found = shutil.which("mfa") or shutil.which("conda")
    remedy = "" if found else "only for aligner: mfa. Install conda; snakemake --software-deployment-method conda"
    yield Finding("Montreal Forced Aligner", True if found else None, found or "neither mfa nor conda is here", remedy)


def _files() -> Iterator[Finding]:
    """Trained models here, and the published weights that were fetched; corpora are the planner's to name."""
    models = sorted(
        path.parent.as_posix() for folder in ("models", "runs") for path in Path(folder).rglob("dubber.json")
    )
    yield Finding(
        "models",
        True if models else None,
        ", ".join(models) or "none in models/ or runs/",
        "" if models else "make demo",
    )
    from dubber.assets import TABLE, assets, fetch_command

    if not Path(TABLE).is_file():
        return
    groups: dict[str, list[Path]] = {}
    for asset in assets():
        if not asset.is_archive:
            groups.setdefault(asset.group, []).append(Path("downloads") / asset.group / asset.file)
    for name, paths in groups.items():
        there = all(path.is_file() for path in paths)
        yield Finding(
            f"weights {name}",
            there or None,
            "fetched" if there else "not fetched",
            "" if there else fetch_command(name),
        )


def _space() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    few = free < ENOUGH_GB
    yield Finding(
        "disk", None if few else True, f"{free:.0f} GB free here", f"the demo needs {ENOUGH_GB} GB" if few else ""
    )


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_libraries, _device, _aligner, _files, _space)
