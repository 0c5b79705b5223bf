"""A corpus in which every clip but two is bad in its own way."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np

from dubber.media.video import write_video
from tests.workflow.conftest import Project

CONFIG = """
corpora:
  bad:
    reader: table
    roots: [bad]
    shard_size: 32
"""


def add_bad_corpus(project: Project) -> dict[str, str]:
    """Write the corpus and its configuration; return clip -> words that its failure must say."""
    folder = project.folder / "data/bad"
    folder.mkdir(parents=True)
    good = sorted((project.folder / "work/micro/media").rglob("*.mp4"))[:2]
    texts = {path: _text(path) for path in good}
    rows = []
    for i, path in enumerate(good, start=1):
        shutil.copy(path, folder / f"good_{i}.mp4")
        rows.append((f"good_{i}", texts[path]))
    shutil.copy(good[0], folder / "nonsense.mp4")
    rows.append(("nonsense", "... !!!"))
    (folder / "empty.mp4").touch()
    rows.append(("empty", "bin blue"))
    rows.append(("vanished", "bin blue"))
    grey = np.full((128, 128, 3), 128, np.uint8)
    tone = (0.1 * np.sin(np.arange(16000) / 20)).astype(np.float32)
    write_video(folder / "silent.mp4", [grey] * 25, 25, None, 16000)
    rows.append(("silent", "bin blue"))
    write_video(folder / "faceless.mp4", [grey] * 25, 25, tone, 16000)
    rows.append(("faceless", "bin blue"))
    (folder / "damaged.mp4").write_bytes(good[1].read_bytes()[:2000])
    rows.append(("damaged", "bin blue"))
    _write_list(folder / "clips.csv", rows)
    with (project.folder / "micro.yaml").open("a") as file:
        file.write("max_failed_share: 0.9\n")
    text = (project.folder / "micro.yaml").read_text()
    (project.folder / "micro.yaml").write_text(text.replace("corpora:\n", CONFIG.lstrip(), 1))
    return {
        "nonsense": "no",
        "empty": "empty",
        "vanished": "missing",
        "silent": "no audio stream",
        "faceless": "no face",
        "damaged": "decoded",
    }


def _text(path: Path) -> str:
    from dubber.corpus.grid import sentence

    return sentence(path.stem)


def _write_list(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "speaker", "text", "video"])
        writer.writerows([(clip, "v1", text, f"{clip}.mp4") for clip, text in rows])
