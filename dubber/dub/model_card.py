"""What a trained student is, in words: `dubber info`, and the README of an exported folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubber.dub.bundle import Bundle

MEGABYTE = 1e6


def facts(bundle: Bundle) -> dict[str, str]:
    """What is worth knowing, as labels and values."""
    origin, model = bundle.origin, bundle.description.model
    student, backends, sampling = origin.get("student", {}), origin.get("backends", {}), bundle.synthesis
    sizes = {path: path.stat().st_size if path.is_file() else None for path in bundle.files}
    return {
        "model": f"{origin.get('experiment')}/{origin.get('run')}, run {bundle.description.fingerprint}",
        "kind": "exported folder" if bundle.exported else "run of a project",
        "parameters": _parameters(student),
        "trained": _trained(student),
        "teacher": _trained(origin["teacher"]) if origin.get("teacher") else "none",
        "corpora": "; ".join(_corpus(corpus) for corpus in origin.get("corpora", [])) or "not recorded",
        "codec": f"{bundle.codec.backend}: {model.vocab} codes in 6 streams, {model.token_rate} tokens a second",
        "sound": f"16000 Hz, mono; at most {bundle.longest:.1f} s at once",
        "video": f"{model.frame_rate} frames a second; features: lips {model.lip_features}, face {model.face_features}",
        "backends": ", ".join(f"{part}: {name}" for part, name in backends.items()),
        "tables": f"sampled by {sampling.sampler}, NFE {sampling.nfe}, temperature {sampling.temperature}, "
        f"drafts {sampling.drafts}",
        "weights": "; ".join(f"{row['name']}: {row['licence']}, {row['url']}" for row in origin.get("weights", []))
        or "none published: all were trained or fitted here",
        "code": f"dubber {origin.get('dubber')}, digest of the training code {student.get('code', 'not recorded')}",
        "files": ", ".join(f"{_name(path, bundle)} {_size(size)}" for path, size in sizes.items()),
    }


def _name(path: Path, bundle: Bundle) -> str:
    home = bundle.path.resolve() if bundle.exported else bundle.model.parents[3]
    resolved = path.resolve()
    return resolved.relative_to(home).as_posix() if resolved.is_relative_to(home) else path.as_posix()


def _size(size: int | None) -> str:
    return "(missing)" if size is None else f"{size / MEGABYTE:.1f} MB"


def _parameters(student: Mapping[str, Any]) -> str:
    counts = student.get("parameters", {})
    if "total" not in counts:
        return "not recorded"
    parts = ", ".join(f"{name} {n:,}" for name, n in counts.items() if name not in ("total", "trained"))
    return f"{counts['total']:,} ({parts})"


def _trained(run: Mapping[str, Any]) -> str:
    if "steps" not in run:
        return "not recorded"
    validation = run.get("losses", {}).get("val", {}).get("loss")
    told = f", validation loss {validation:.2f}" if validation is not None else ""
    clips = f" on {run['clips']['train']} clips" if "clips" in run else ""
    return f"{run['steps']} steps of {run['batch_size']} clips{clips}, seed {run['seed']}{told}"


def _corpus(corpus: Mapping[str, Any]) -> str:
    return f"{corpus['name']} ({', '.join(corpus['used_for'])}): {corpus['licence']}"


def information(bundle: Bundle) -> str:
    """`dubber info`: one line a fact, then the licences of the packages."""
    lines = [f"{label:<12}{value}" for label, value in facts(bundle).items()]
    packages = [f"{name} {p['version']} ({p['licence']})" for name, p in bundle.origin.get("packages", {}).items()]
    return "\n".join([*lines, f"{'packages':<12}{', '.join(packages)}"])


def model_card(bundle: Bundle) -> str:
    """The README.md of an exported folder."""
    rows = [f"| {label} | {value} |" for label, value in facts(bundle).items() if label not in ("kind", "files")]
    corpora = [
        f"| {c['name']} | {', '.join(c['used_for'])} | {c['licence']} |" for c in bundle.origin.get("corpora", [])
    ]
    weights = [
        f"| {w['name']} | published weights, {w['url']} | {w['licence']} |" for w in bundle.origin.get("weights", [])
    ]
    packages = [
        f"| {name} {about['version']} | package | {about['licence']} |"
        for name, about in bundle.origin.get("packages", {}).items()
    ]
    return "\n".join(
        [
            f"# {bundle.origin.get('experiment')}/{bundle.origin.get('run')}: a dubbing model",
            "",
            "Text, a video of a talking face and a few seconds of a reference voice in; speech out that says the text,",
            "in time with the lips. Made by `dubber export`; `dubber.json` holds the same, and every setting.",
            "",
            "```",
            'dubber dub --checkpoint . --video in.mp4 --text "..." --reference voice.wav -o out.mp4',
            "```",
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            "## Licences of what went into it",
            "",
            "The code is MIT. What may be done with the weights depends on what they learned from:",
            "",
            "| what | for | licence |",
            "|---|---|---|",
            *corpora,
            *weights,
            *packages,
            "",
            "Speech in the voice of a real person needs that person's consent.",
            "",
        ]
    )
