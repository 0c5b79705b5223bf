"""A run as one folder that another machine loads without the training data.

dubber.json            what it is, every setting that dubbing needs, where all of it comes from, checksums
model.safetensors      the model
features.safetensors   what was fitted of the lip and face features
codec/                 the codec's own files
weights/               published weights of the features and of the face detector
README.md              the same for people
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dubber.dub.bundle import MANIFEST, MODEL, Bundle, FileFacts, write_manifest
from dubber.dub.model_card import model_card
from dubber.dub.video import VideoDubber
from dubber.errors import writing_told
from dubber.files import Output, check_outputs, checksum, temporary_beside
from dubber.model.weights import halve_model

TRANSFORM, CODEC, WEIGHTS, CARD = "features.safetensors", "codec", "weights", "README.md"


def export(
    bundle: Bundle, output: Path | str, *, half: bool = False, published_weights: bool = True, force: bool = False
) -> Path:
    """Write a bundle as one folder, which is whole or absent.

    Args:
        half: the model's weights in float16, half the size; it still computes in float32.
        published_weights: False leaves out what others trained (FACodec, the lip-reading network, FAN); whoever loads
            the folder puts it there.
        force: whether an exported folder that exists is replaced.

    Raises:
        MissingDataError: a file of the bundle is missing.
        DubberError: its parts do not fit, the output exists, or the disk is full.
    """
    output = Path(output)
    inputs = {"model": bundle.path} | {f"model's {path.name}": path for path in bundle.files}
    check_outputs([Output(output, marker=MANIFEST, what="an exported model")], inputs, force=force)
    if bundle.kind == "dubbing":
        VideoDubber(bundle, "cpu")  # all parts can be read and fit each other
    names = _names(bundle)
    with _whole_folder(output) as folder:
        facts = {}
        for source, name in names.items():
            (folder / name).parent.mkdir(exist_ok=True)
            included = published_weights or source not in bundle.published_weights
            written = _copy(source, folder / name, half and name == MODEL) if included else source
            facts[name] = FileFacts(size=written.stat().st_size, sha256=checksum(written), included=included)
        write_manifest(bundle.named(names.__getitem__, facts), folder / MANIFEST)
        (folder / CARD).write_text(model_card(bundle), encoding="utf-8")
    return output


def _names(bundle: Bundle) -> dict[Path, str]:
    """File -> its name in the folder."""
    names = {bundle.model: MODEL} | {path: f"{CODEC}/{path.name}" for path in bundle.codec_files}
    if bundle.video is None:
        return names
    if bundle.video.transform is not None:
        names[bundle.video.transform] = TRANSFORM
    return names | {path: f"{WEIGHTS}/{path.name}" for path in bundle.video.published_weights}


def _copy(source: Path, target: Path, half: bool) -> Path:
    """Copy a file; a model's weights in half precision, if asked."""
    if half:
        halve_model(source, target)
    else:
        shutil.copyfile(source, target)
    return target


@contextmanager
def _whole_folder(output: Path) -> Iterator[Path]:
    """A folder under a temporary name, which gets its own when the block ends well, and goes when it does not."""
    temporary = temporary_beside(output)
    replaced = temporary.with_suffix(".old")
    try:
        with writing_told("The output", output):
            temporary.mkdir()
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as written:
                        os.fsync(written.fileno())
            if output.exists():
                output.rename(replaced)
            temporary.rename(output)
    finally:
        if replaced.exists() and not output.exists():
            replaced.rename(output)
        for folder in (temporary, replaced):
            shutil.rmtree(folder, ignore_errors=True)
