"""The recording and the codec's own resynthesis, in the format of a dub."""

from __future__ import annotations

import numpy as np

from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.codec.settings import WorldSettings
from dubber.steps.audio import AUDIO
from dubber.steps.crops import CROPS
from dubber.steps.dubs import DUBS
from dubber.steps.ground_truth import ground_truth
from dubber.steps.resynthesise import resynthesise
from dubber.steps.token_rows import TOKENS
from tests.helpers.shards import counts, shard_of

ROWS = [{"clip": clip, "split": "test"} for clip in ("cut", "padded", "lost")] + [{"clip": "train", "split": "train"}]


class Echo:
    """A codec that speaks the first acoustic stream."""

    streams, sample_rate, token_rate = 6, 16_000, 80

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        return np.repeat(ids[3] / 32768, 200).astype(np.float32) + speaker[0]


def test_recordings_are_as_long_as_their_video(tmp_path):
    sounds = {"cut": 3000, "padded": 1000, "train": 10, "lost": 10}
    audio = [{"clip": c, "samples": np.arange(1, n + 1).astype(np.int16), "source_rate": 8} for c, n in sounds.items()]
    write_rows(tmp_path / "audio.parquet", audio, AUDIO)
    write_rows(tmp_path / "crops.parquet", [{"clip": c, "n_frames": 3} for c in ("cut", "padded", "train")], CROPS)
    output = tmp_path / "dubs.parquet"
    ground_truth(shard_of(ROWS, output, 0.5), tmp_path / "audio.parquet", tmp_path / "crops.parquet")
    made = {row["clip"]: row["samples"] for row in read_rows(output, ["clip", "samples"])}
    assert counts(output) == (2, 1)
    assert made["cut"].tolist() == list(range(1, 3 * 640 + 1))
    assert made["padded"].tolist() == [*range(1, 1001), *[0] * 920]
    assert [row["clip"] for row in read_rows(failures_path(output))] == ["lost"]


def test_resynthesis_decodes_the_true_tokens_in_the_clips_own_voice(tmp_path, monkeypatch):
    ids = {clip: np.arange(12, dtype=np.int16).reshape(6, 2) + i for i, clip in enumerate(("cut", "padded", "train"))}
    rows = [
        {"clip": c, "n_tokens": 2, "ids": x.reshape(-1), "speaker": np.zeros(4, np.float32)} for c, x in ids.items()
    ]
    write_rows(tmp_path / "tokens.parquet", rows, TOKENS)
    output = tmp_path / "dubs.parquet"
    monkeypatch.setattr("dubber.steps.resynthesise.load_codec", lambda *_: Echo())
    resynthesise(shard_of(ROWS, output, 0.5), tmp_path / "tokens.parquet", (), WorldSettings())
    made = {row["clip"]: row for row in read_rows(output)}
    assert set(made) == {"cut", "padded"}
    for clip, row in made.items():
        assert row["samples"].tolist() == np.repeat(ids[clip][3], 200).tolist()
        assert row["n_tokens"] == 2 and row["seconds"] >= 0
    assert list(made["cut"]) == DUBS.names
