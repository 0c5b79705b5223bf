"""A minute corpus of random clips, and runs on it that take a second and can be disturbed."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from dubber import runner
from dubber.artifacts import write_rows
from dubber.corpus.manifest import MANIFEST
from dubber.model.settings import ObjectiveSettings, PartsSettings
from dubber.steps.durations import DURATIONS
from dubber.steps.features import FEATURES
from dubber.steps.token_rows import TOKENS
from dubber.train import checkpoint
from dubber.train.run import Artifacts, Outputs
from dubber.train.run import train as run_training
from dubber.train.settings import RunSettings, Stage, StageSettings
from tests.helpers.tiny_models import SETTINGS, sized, spread

MODEL = sized(dropout=0.1, duration_dropout=0.1)
FULL = 30_000  # bytes; no file can grow beyond it when the disk is full
SPLITS = {"train": 18, "val": 4, "test": 3}
STAGE = {
    "steps": 12,
    "batch_size": 4,
    "lr": 3e-3,
    "checkpoint_every": 4,
    "log_every": 2,
    "validate_every": 5,
    "keep_checkpoints": 2,
    "device": "cpu",
}


def make_corpus(folder: Path, seed: int = 0) -> None:
    """Two shards of clips of 4 to 12 frames, with everything that training and synthesis read."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    splits = [split for split, count in SPLITS.items() for _ in range(count)]
    clips = [_clip(f"clip{i:02d}", split, i % 2, rng, generator) for i, split in enumerate(splits)]
    schemas = {"tokens": TOKENS, "durations": DURATIONS, "features": FEATURES}
    for shard in ("0000", "0001"):
        rows = [clip for clip in clips if clip["shard"] == shard]
        for name, schema in schemas.items():
            stored = [{**row, "speaker": row["voice"]} for row in rows]
            write_rows(folder / name / f"{shard}.parquet", stored, schema)
    write_rows(folder / "manifest.parquet", clips, MANIFEST)


def _clip(name: str, split: str, shard: int, rng: np.random.Generator, generator: torch.Generator) -> dict[str, Any]:
    frames, phonemes = int(rng.integers(4, 13)), int(rng.integers(3, 7))
    tokens = SETTINGS.tokens_in(frames)
    return {
        **{"clip": name, "speaker": "s1", "split": split, "text": "bin blue", "shard": f"{shard:04d}"},
        **{"n_tokens": tokens, "n_frames": frames},
        "reference": "clip00",
        "ids": rng.integers(0, SETTINGS.vocab, 6 * tokens).astype(np.int16),
        "voice": rng.standard_normal(SETTINGS.speaker_dim).astype(np.float32),
        "phonemes": rng.integers(1, SETTINGS.phoneme_vocabulary, phonemes).astype(np.int16),
        "frame_durations": spread(frames, phonemes, generator).numpy().astype(np.int16),
        "token_durations": spread(tokens, phonemes, generator).numpy().astype(np.int16),
        "lips": rng.standard_normal(frames * SETTINGS.lip_features).astype(np.float16),
        "faces": rng.standard_normal(frames * SETTINGS.face_features).astype(np.float16),
    }


def shards(folder: Path, name: str) -> list[Path]:
    return sorted((folder / name).glob("*.parquet"))


def train(folder: Path, stage: Stage = "stage1", run: str | None = None, parts: dict | None = None, **changes) -> Path:
    """Train on the corpus in `folder`; the model's file."""
    out = folder / "runs" / (run or stage)
    chosen = StageSettings(**{**STAGE, **changes})
    settings, artifacts = run_settings(stage, chosen, parts), artifacts_of(folder, stage)
    outputs = Outputs(out / "model.safetensors", out / "summary.json")
    run_training(settings, chosen.execution(), artifacts, outputs, code="code", threads=1)
    return outputs.model


def run_settings(stage: Stage, chosen: StageSettings, parts: dict | None = None) -> RunSettings:
    """A run of a tiny model."""
    student = {"parts": PartsSettings(**parts or {}), "features": "tiny"} if stage == "stage2" else {}
    shared = {"model": MODEL, "objective": ObjectiveSettings(), "codec": "tiny"}
    return RunSettings(stage=stage, train=chosen.train(), **shared, **student)


def artifacts_of(folder: Path, stage: Stage) -> Artifacts:
    """What a stage learns from."""
    files = {name: shards(folder, name) for name in ("tokens", "durations")}
    video = {"features": shards(folder, "features"), "teacher": folder / "runs" / "stage1" / "model.safetensors"}
    return Artifacts(**files, manifests=[folder / "manifest.parquet"], **(video if stage == "stage2" else {}))


def run_folder(model: Path) -> Path:
    """The directory of the run that made a model."""
    return model.parent / json.loads((model.parent / "summary.json").read_text())["fingerprint"]


def assert_same_weights(first: Path, second: Path) -> None:
    """Both files hold the same tensors, bit for bit."""
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different, f"{len(different)} of {len(one)} tensors differ, such as {different[0]}"


def _kill(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_after(call: Callable) -> Callable:
    return lambda *args: (call(*args), _kill())


def _kill_halfway(write: Callable) -> Callable:
    """A file of which half is on the disk."""

    def half(content: Any, path: Path) -> None:
        write(content, path)
        os.truncate(path, path.stat().st_size // 2)
        _kill()

    return half


KILLS = {
    "kill within a file": ("save_file", _kill_halfway),
    "kill between files": ("save_file", _kill_after),
    "kill before the last file": ("checksum", _kill_after),
    "kill before the old one goes": ("_remove", lambda remove: _kill),
}
"""What is killed within a checkpoint: the function of `dubber.train.checkpoint`, and how it ends."""


AFTER = {"terminate": signal.SIGTERM, "kill after": signal.SIGKILL}


def interfere(what: str, step: int) -> None:
    """Disturb the checkpoint of `step`: kill this process after or within it, ask it to stop, or fill the disk."""
    save = checkpoint.Checkpoints.save

    def disturbed(self: checkpoint.Checkpoints, at: int, *args: Any) -> Path:
        if at != step:
            return save(self, at, *args)
        if what in KILLS:
            name, when = KILLS[what]
            setattr(checkpoint, name, when(getattr(checkpoint, name)))
        if what == "full disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))
        path = save(self, at, *args)
        if what in AFTER:
            os.kill(os.getpid(), AFTER[what])
        return path

    checkpoint.Checkpoints.save = disturbed


def train_disturbed(folder: Path, stage: str, disturbance: str, step: int, log: Path) -> None:
    """What a process of its own does, to be killed: train as a workflow script does, with its log in a file."""
    os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY), sys.stderr.fileno())
    interfere(disturbance, step)
    runner.reported(lambda: train(folder, stage))
