"""Training data: what is read, what is left out, and how it is padded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from dubber.artifacts import read_rows, read_table, write_rows, write_table
from dubber.corpus.manifest import MANIFEST, load_manifest
from dubber.errors import DubberError
from dubber.train.arrow import pack
from dubber.train.batches import TrainingData, open_data, read_splits
from tests.resume.tiny_run import MODEL, SPLITS, make_corpus, shards, sized


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    make_corpus(tmp_path)
    return tmp_path


def read(folder: Path, *, video: bool = True, model=MODEL, longest: int = 1600) -> TrainingData:
    path = pack_corpus(folder, video=video)
    return open_data(path, model, longest)


def pack_corpus(folder: Path, *, video: bool = True) -> Path:
    path = folder / "data.arrow"
    files = {name: shards(folder, name) for name in ("tokens", "durations", *(("features",) if video else ()))}
    pack(path, asdict(read_splits([folder / "manifest.parquet"])), **files)
    return path


def stored(folder: Path, name: str, clip: str) -> dict:
    return next(row for path in shards(folder, name) for row in read_rows(path) if row["clip"] == clip)


def drop(path: Path, clip: str) -> None:
    table = read_table(path)
    write_table(path, table.filter([name != clip for name in table["clip"].to_pylist()]))


def test_clips_of_each_split_and_none_of_the_test_split(corpus):
    data = read(corpus)
    assert (len(data.train), len(data.val)) == (SPLITS["train"], SPLITS["val"])
    assert not {*data.train.clips, *data.val.clips} & load_manifest(corpus / "manifest.parquet").clips("test")


def test_a_batch_holds_what_the_artifacts_hold_and_padding_beyond(corpus):
    train = read(corpus).train
    batch = train.batch(range(5))
    for i, clip in enumerate(batch.clips):
        tokens, durations, features = (stored(corpus, name, clip) for name in ("tokens", "durations", "features"))
        t, n, f = tokens["n_tokens"], len(durations["phonemes"]), features["n_frames"]
        assert (batch.token_mask[i].sum(), batch.phoneme_mask[i].sum(), batch.frame_mask[i].sum()) == (t, n, f)
        np.testing.assert_array_equal(batch.tokens[i, :, :t], tokens["ids"].reshape(6, t))
        np.testing.assert_array_equal(batch.speaker[i], tokens["speaker"])
        np.testing.assert_array_equal(batch.lips[i, :f], features["lips"].reshape(f, -1))
        np.testing.assert_array_equal(batch.faces[i, :f], features["faces"].reshape(f, -1))
        for name in ("phonemes", "token_durations", "frame_durations"):
            np.testing.assert_array_equal(getattr(batch, name)[i, :n], durations[name])
            assert not getattr(batch, name)[i, n:].any()
        assert (batch.tokens[i, :, t:] == MODEL.pad).all() and not batch.lips[i, f:].any()
    assert torch.equal(batch.frame_durations.sum(1), batch.frame_mask.sum(1))
    assert batch.tokens.dtype == torch.long and batch.lips.dtype == torch.float32


def test_stage_one_reads_no_video(corpus):
    for path in shards(corpus, "features"):
        path.unlink()
    assert not hasattr(read(corpus, video=False).train.batch([0]), "lips")


@pytest.mark.parametrize("name", ["tokens", "durations", "features"])
def test_a_clip_that_an_artifact_lacks_is_left_out(corpus, name):
    drop(corpus / name / "0000.parquet", "clip00")
    assert set(read(corpus).train.clips) == {f"clip{i:02d}" for i in range(1, SPLITS["train"])}


def test_an_audio_only_clip_is_left_out_of_stage_two_alone(corpus):
    path = corpus / "durations" / "0000.parquet"
    rows = [{**row, "frame_durations": None} for row in read_rows(path)]
    write_rows(path, rows, read_table(path).schema)
    assert len(read(corpus).train) < len(read(corpus, video=False).train) == SPLITS["train"]


def test_long_clips_are_left_out_and_if_none_is_left_it_is_said(corpus):
    longest = int(np.median(read(corpus).train.lengths))
    assert read(corpus, longest=longest).train.lengths.max() <= longest
    with pytest.raises(DubberError, match="no clip to train on"):
        read(corpus, longest=1)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        ({"lip_features": 7}, "lip features"),
        ({"face_features": 4}, "face features"),
        ({"speaker_dim": 5}, "speaker vector"),
        ({"vocab": 5}, "codec's vocabulary"),
        ({"phoneme_vocabulary": 4}, "phonemes above"),
    ],
)
def test_a_model_of_other_widths_is_refused_by_name(corpus, model, what):
    with pytest.raises(DubberError, match=what):
        read(corpus, model=sized(**model))


def test_artifacts_that_contradict_each_other_are_refused(corpus):
    path = corpus / "durations" / "0000.parquet"
    rows = list(read_rows(path))
    rows[0]["token_durations"] = rows[0]["token_durations"] + 1
    write_rows(path, rows, read_table(path).schema)
    with pytest.raises(DubberError, match=rows[0]["clip"]):
        read(corpus)


def test_two_corpora_must_not_share_a_name(corpus):
    other = corpus / "other.parquet"
    write_rows(other, load_manifest(corpus / "manifest.parquet").all_rows[:1], MANIFEST)
    with pytest.raises(DubberError, match="clip00"):
        read_splits([corpus / "manifest.parquet", other])


def test_some_clips_are_chosen_by_the_seed_alone(corpus):
    train = read(corpus).train
    assert train.some(5, seed=1).clips == train.some(5, seed=1).clips != train.some(5, seed=2).clips
    assert train.some(99, seed=1).clips == train.clips
