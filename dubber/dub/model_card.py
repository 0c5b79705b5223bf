"""A trained model in words: `dubber info`, and the README of an exported folder."""

from __future__ import annotations

import os
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from dubber.dub.bundle import Bundle, Package, RunFacts
from dubber.dub.settings import CorpusUse
from dubber.units import SAMPLE_RATE

MEGABYTE = 1e6

# Packages that ship data or weights, or affect numerical results.
PACKAGES = (
    "torch", "numpy", "pyworld", "resemblyzer", "pocketsphinx", "g2p_en", "gruut-lang-en",
    "opencv-python-headless", "av", "soxr",
)  # fmt: skip


def facts(bundle: Bundle) -> dict[str, str]:
    """The facts worth knowing, as labels and values."""
    origin, model, sampling = bundle.origin, bundle.description.model, bundle.synthesis
    seen = f"{model.frame_rate} frames a second; features: lips {model.lip_features}, face {model.face_features}"
    return {
        "model": f"{origin.experiment}/{origin.run}, run {bundle.description.fingerprint}",
        "kind": ("exported folder" if bundle.exported else "run of a project") + f", {bundle.kind}",
        "parameters": _parameters(origin.training),
        "trained": _trained(origin.training),
        "teacher": _trained(origin.teacher) if origin.teacher else "none",
        "corpora": "; ".join(map(_corpus, origin.corpora)),
        "codec": f"{bundle.codec.backend}: {model.vocab} codes in 6 streams, {model.token_rate} tokens a second",
        "sound": f"{SAMPLE_RATE} Hz, mono; at most {bundle.longest:.1f} s at once",
        "video": seen if bundle.video else "none",
        "backends": ", ".join(f"{part}: {name}" for part, name in origin.backends.items()),
        "tables": f"sampled by {sampling.sampler}, NFE {sampling.nfe}, temperature {sampling.temperature}, "
        f"drafts {sampling.drafts}",
        "weights": "; ".join(f"{row.name}: {row.licence}, {row.url}" for row in origin.weights)
        or "none published: all were trained or fitted here",
        "code": f"dubber {origin.dubber}, digest of the training code {origin.training.code}",
        "files": ", ".join(f"{_name(path, bundle.path)} {_size(path)}" for path in bundle.files),
    }


def _name(path: Path, folder: Path) -> str:
    return os.path.relpath(path.resolve(), folder.resolve())


def _size(path: Path) -> str:
    return f"{path.stat().st_size / MEGABYTE:.1f} MB"


def _parameters(run: RunFacts) -> str:
    parts = [f"{name} {n:,}" for name, n in run.parameters.items() if name not in ("total", "trained")]
    return f"{run.parameters['total']:,} ({', '.join(parts)})"


def _trained(run: RunFacts) -> str:
    validation = run.losses.get("val", {}).get("loss")
    loss = f", validation loss {validation:.2f}" if validation is not None else ""
    return f"{run.steps} steps of {run.batch_size} clips on {run.clips['train']} clips, seed {run.seed}{loss}"


def _corpus(corpus: CorpusUse) -> str:
    return f"{corpus.name} ({', '.join(corpus.used_for)}): {corpus.licence}"


def information(bundle: Bundle) -> str:
    """`dubber info`: one line a fact, then the licences of the packages."""
    lines = [f"{label:<12}{value}" for label, value in facts(bundle).items()]
    packages = [f"{name} {about.version} ({about.licence})" for name, about in bundle.origin.packages.items()]
    return "\n".join([*lines, f"{'packages':<12}{', '.join(packages)}"])


def model_card(bundle: Bundle) -> str:
    """The README.md of an exported folder."""
    origin = bundle.origin
    rows = [f"| {label} | {value} |" for label, value in facts(bundle).items() if label not in ("kind", "files")]
    licences = [f"| {c.name} | {', '.join(c.used_for)} | {c.licence} |" for c in origin.corpora]
    licences += [f"| {row.name} | published weights, {row.url} | {row.licence} |" for row in origin.weights]
    licences += [f"| {name} {about.version} | package | {about.licence} |" for name, about in origin.packages.items()]
    return _CARD.format(name=f"{origin.experiment}/{origin.run}", facts="\n".join(rows), licences="\n".join(licences))


_CARD = """# {name}: a dubbing model

Text, a video of a talking face and a few seconds of a reference voice in; speech out that says the text,
in time with the lips. Made by `dubber export`; `dubber.json` holds the same, and every setting.

```
dubber dub --checkpoint . --video in.mp4 --text "..." --reference voice.wav -o out.mp4
```

| | |
|---|---|
{facts}

## Licences of what went into it

The code is MIT. What may be done with the weights depends on what they learned from:

| what | for | licence |
|---|---|---|
{licences}

Speech in the voice of a real person needs that person's consent.
"""


def packages() -> dict[str, Package]:
    """The installed packages of `PACKAGES`."""
    found = {}
    for name in PACKAGES:
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue
        found[name] = Package(version=about["Version"], licence=_licence(about))
    return found


def _licence(about: PackageMetadata) -> str:
    """The licence that a package's metadata names, in its shortest form."""
    if "License-Expression" in about:
        return about["License-Expression"]
    classified = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    stated = about["License"].strip().splitlines() if "License" in about else []
    return ", ".join(classified) or (stated[0][:80] if stated else "not stated")
