"""A user's own features in the workflow: no fit, a clip without a file fails alone, a changed file redoes its shard."""

from __future__ import annotations

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import Project, new_project

pytestmark = pytest.mark.workflow

FEATURES = "work/micro/features/mine/{shard}.parquet"
MINE = """
  mine:
    lip: {backend: import, folder: data/lips}
    face: {backend: import, folder: data/faces}
    lip_features: 7
    face_features: 3
codecs:"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Crops of the micro corpus are there, and features for every clip but one of the first shard."""
    project = new_project(tmp_path_factory.mktemp("imported") / "project")
    text = (project.folder / "micro.yaml").read_text()
    (project.folder / "micro.yaml").write_text(text.replace("\ncodecs:", MINE, 1))
    shards = ("0000", "0001")
    project.snakemake(*(f"work/micro/crops/{shard}.parquet" for shard in shards))
    for shard in shards:
        table = pq.read_table(project.folder / f"work/micro/crops/{shard}.parquet", columns=["clip", "n_frames"])
        for row in table.to_pylist():
            for stream, width in (("lips", 7), ("faces", 3)):
                folder = project.folder / "data" / stream
                folder.mkdir(parents=True, exist_ok=True)
                np.save(folder / f"{row['clip']}.npy", np.full((row["n_frames"], width), 0.5, np.float32))
    sorted((project.folder / "data/faces").iterdir())[0].unlink()
    project.snakemake(*(FEATURES.format(shard=shard) for shard in shards))
    return project


def test_a_clip_without_a_file_fails_alone_and_nothing_is_fitted(project):
    parts = [project.folder / FEATURES.format(shard=shard) for shard in ("0000", "0001")]
    rows = [row for path in parts for row in pq.read_table(path).to_pylist()]
    failures = [row for p in parts for row in pq.read_table(p.with_suffix(".failures.parquet")).to_pylist()]
    assert (len(rows), len(failures)) == (11, 1)
    assert failures[0]["reason"].startswith("no face features: ")
    assert all(len(row["lips"]) == 7 * row["n_frames"] and row["faces_by"].startswith("import ") for row in rows)
    assert not (project.folder / "work/features").exists()


def test_a_changed_file_makes_its_shard_again_and_no_other(project):
    targets = [FEATURES.format(shard=shard) for shard in ("0000", "0001")]
    assert project.planned(*targets) == {}
    clip = pq.read_table(project.folder / targets[1], columns=["clip"]).to_pylist()[0]["clip"]
    os.utime(project.folder / f"data/lips/{clip}.npy", ns=(1, 1))
    assert project.planned(*targets) == {"features": 1}


def test_a_folder_that_is_not_there_stops_before_any_job(project):
    (project.folder / "data/lips").rename(project.folder / "data/elsewhere")
    told = project.snakemake("-n", FEATURES.format(shard="0000"), check=False)
    (project.folder / "data/elsewhere").rename(project.folder / "data/lips")
    assert told.returncode
    assert "The folder of imported features" in told.stdout + told.stderr
