"""A run as one folder that another machine loads without the training data.

dubber.json            what it is, every setting that dubbing needs, where all of it comes from, checksums
model.safetensors      the student
features.safetensors   what was fitted of the lip and face features
codec/                 the codec's own files
weights/               published weights of the features and of the face detector
README.md              the same for people
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dubber.codec.settings import CodecSettings
from dubber.dub.bundle import MANIFEST, MODEL, Bundle, with_paths
from dubber.dub.model_card import model_card
from dubber.dub.settings import SynthesisSettings
from dubber.dub.video import VideoDubber
from dubber.errors import DubberError, MissingDataError
from dubber.media.encoding import full_disk_told
from dubber.media.settings import CropSettings, FeatureSettings
from dubber.provenance import checksum
from dubber.settings import first_wrong
from dubber.text.alphabet import SYMBOLS
from dubber.train.weights import describe_model, halve_model

FORMAT = "dubber export 1"
TRANSFORM, CODEC, WEIGHTS, CARD = "features.safetensors", "codec", "weights", "README.md"


def export(
    bundle: Bundle, output: Path | str, *, half: bool = False, published_weights: bool = True, force: bool = False
) -> Path:
    """Write a bundle as one folder, which is whole or absent.

    Args:
        half: the student's weights in float16, half the size; it still computes in float32.
        published_weights: False leaves out what others trained (FACodec, the lip-reading network, FAN); whoever loads
            the folder puts it there.
        force: whether an exported folder that is there already is replaced.

    Raises:
        MissingDataError: a file of the bundle is not there.
        DubberError: its parts do not fit, the output exists, or the disk is full.
    """
    output = Path(output)
    _check_free(output, force)
    VideoDubber(bundle, "cpu")  # all parts are there, can be read and fit each other
    parts = _parts(bundle)
    published = set(bundle.published_weights) | (
        set(bundle.codec_files) if bundle.codec.backend == "facodec" else set()
    )
    with _whole_folder(output) as folder:
        listed = {}
        for name, source in parts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            included = published_weights or source not in published
            written = _copy(source, folder / name, half and name == MODEL) if included else source
            listed[name] = {"size": written.stat().st_size, "sha256": checksum(written), "included": included}
        manifest = _manifest(bundle, listed)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        (folder / CARD).write_text(model_card(bundle), encoding="utf-8")
    return output


def _copy(source: Path, target: Path, half: bool) -> Path:
    """Copy a file; a model's weights in half precision, if asked."""
    if half:
        halve_model(source, target)
    else:
        shutil.copyfile(source, target)
    return target


def _parts(bundle: Bundle) -> dict[str, Path]:
    """Name in the folder -> the file that is copied there."""
    parts = {MODEL: bundle.model, **({TRANSFORM: bundle.transform} if bundle.transform else {})}
    parts |= {f"{CODEC}/{path.name}": path for path in bundle.codec_files}
    return parts | {f"{WEIGHTS}/{path.name}": path for path in bundle.published_weights}


def _manifest(bundle: Bundle, files: Mapping[str, Any]) -> dict[str, Any]:
    features, crops = with_paths(
        bundle.features, bundle.crops, lambda path: f"{WEIGHTS}/{Path(path).name}", lambda _: WEIGHTS
    )
    settings = {"features": features, "crops": crops, "synthesis": bundle.synthesis}
    return {
        "format": FORMAT,
        "files": dict(files),
        "codec_files": [f"{CODEC}/{path.name}" for path in bundle.codec_files],
        "model": json.loads(bundle.description.to_json()),
        "codec": bundle.codec.model_dump(mode="json"),
        **{name: value.model_dump(mode="json") for name, value in settings.items()},
        "alphabet": list(SYMBOLS),
        "origin": dict(bundle.origin),
    }


def _check_free(output: Path, force: bool) -> None:
    """The output must be new, or an export that may go."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not (output / MANIFEST).is_file():
        raise DubberError("The output exists and is no exported model.", looked_at=output, hint="Choose another name.")
    if not force:
        raise DubberError("The output exists.", looked_at=output, hint="--force replaces it.")


@contextmanager
def _whole_folder(output: Path) -> Iterator[Path]:
    """A folder under a temporary name, which gets its own when the block ends well, and goes when it does not."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with full_disk_told(output):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as written:
                        os.fsync(written.fileno())
            if output.exists():
                shutil.rmtree(output)
            temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_export(folder: Path) -> Bundle:
    """Open an exported folder.

    Raises:
        MissingDataError: a file is not there.
        DubberError: it is of another version, damaged, or does not fit this version of the package.
    """
    manifest = _read_manifest(folder / MANIFEST)
    for name, facts in manifest["files"].items():
        _check_file(folder, name, facts, manifest)
    if manifest["alphabet"] != list(SYMBOLS):
        raise DubberError(
            "The model was trained on another set of phonemes than this version of dubber has.",
            looked_at=folder / MANIFEST,
            hint=f"It was exported by dubber {manifest['origin'].get('dubber')}.",
        )
    description = describe_model(folder / MODEL)
    if json.loads(description.to_json()) != manifest["model"]:
        raise DubberError(f"{MANIFEST} and {MODEL} are not of one model.", looked_at=folder, hint="Export it again.")
    try:
        features, crops = with_paths(
            FeatureSettings.model_validate(manifest["features"]),
            CropSettings.model_validate(manifest["crops"]),
            lambda path: folder / path,
            lambda path: folder / path,
        )
        return Bundle(
            path=folder,
            exported=True,
            model=folder / MODEL,
            description=description,
            codec=TypeAdapter(CodecSettings).validate_python(manifest["codec"]),
            codec_files=tuple(folder / name for name in manifest["codec_files"]),
            features=features,
            transform=folder / TRANSFORM if features.is_fitted else None,
            crops=crops,
            synthesis=SynthesisSettings.model_validate(manifest["synthesis"]),
            origin=manifest["origin"],
        )
    except ValidationError as error:
        raise DubberError(
            f"A setting of the exported model is not valid here: {first_wrong(error)}",
            looked_at=folder / MANIFEST,
            hint="Dub with the version of dubber that exported it, or export it again.",
        ) from None


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DubberError(
            f"The exported model cannot be read: {type(error).__name__}: {error}",
            looked_at=path,
            hint="Export it again.",
        ) from error
    if found != FORMAT:
        raise DubberError(
            f"The folder is of the format '{found}', and this version of dubber reads '{FORMAT}'.",
            looked_at=path,
            hint="Export it again with this version, or dub with the version that exported it.",
        )
    wanted = ("files", "codec_files", "model", "codec", "features", "crops", "synthesis", "alphabet", "origin")
    missing = [name for name in wanted if name not in manifest]
    if missing:
        raise DubberError(f"The exported model lacks {', '.join(missing)}.", looked_at=path, hint="Export it again.")
    return manifest


def _check_file(folder: Path, name: str, facts: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """A file must be there, as long as it was and the same in every byte."""
    path = folder / name
    if not path.is_file():
        sources = [f"{row['url']} ({row['licence']})" for row in manifest["origin"].get("weights", [])]
        absent = f"It was left out of the export: put it there. {' '.join(sources)}".strip()
        raise MissingDataError(
            f"The exported model lacks the file {name}.",
            looked_at=path,
            hint="Copy the whole folder again." if facts["included"] else absent,
        )
    if path.stat().st_size != facts["size"]:
        raise DubberError(
            f"{name} has {path.stat().st_size} bytes instead of {facts['size']}.",
            looked_at=path,
            hint="The copy was cut short or is of another model: copy the whole folder again.",
        )
    if checksum(path) != facts["sha256"]:
        raise DubberError(
            f"{name} is not what was exported: its checksum differs.",
            looked_at=path,
            hint="Copy the whole folder again.",
        )
