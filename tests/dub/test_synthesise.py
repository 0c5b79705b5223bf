"""Dubbing a shard, with a minute student and a codec whose speech shows what it was given."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.codec.settings import WorldSettings
from dubber.dub.settings import FAST, SynthesisSettings
from dubber.dub.synthesise import Synthesiser
from dubber.errors import DubberError
from dubber.model.dubber import Dubber
from dubber.model.settings import PartsSettings
from dubber.model.weights import save_model
from dubber.steps import speech
from dubber.steps.dub import dub as dub_step
from dubber.steps.features import FEATURES
from dubber.steps.speech import Speaking
from dubber.steps.token_rows import TOKENS
from dubber.text.phonemes import VOCABULARY_SIZE, phonemise
from tests.helpers.shards import shard_of
from tests.helpers.tiny_models import OBJECTIVE, description, randomise, sized

SIZES = sized(phoneme_vocabulary=VOCABULARY_SIZE)
SETTINGS = SynthesisSettings(nfe=3, batch_size=2, keep_maps=2)
FRAMES = {"long": 14, "short": 5, "middle": 9, "alone": 7, "trained_on": 6}


class SpokenCodec:
    """Speech whose first sample is the speaker and whose other samples are the prosody codes."""

    name, sample_rate, token_rate, streams = "spoken", 16_000, 80, 6
    vocab, speaker_dim = SIZES.vocab, SIZES.speaker_dim

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        wav = np.repeat(ids[0] / 100, 200).astype(np.float32)
        wav[0] = speaker[0]
        return wav


def manifest_row(clip: str) -> dict:
    split = "train" if clip == "trained_on" else "test"
    reference = {"long": "short", "short": "long", "middle": "trained_on"}.get(clip)
    return {"clip": clip, "split": split, "text": f"bin {clip.split('_')[0]} now", "reference": reference}


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Features, tokens and a student's file in one folder."""
    rng = np.random.default_rng(0)
    features, tokens = [], []
    for i, (clip, n) in enumerate(FRAMES.items()):
        lips, faces = (rng.normal(size=n * width).astype(np.float16) for width in (SIZES.lip_features, 5))
        features.append({"clip": clip, "n_frames": n, "lips": lips, "faces": faces})
        t = SIZES.tokens_in(n)
        ids = rng.integers(0, SIZES.vocab, 6 * t).astype(np.int16)
        tokens.append({"clip": clip, "n_tokens": t, "ids": ids, "speaker": np.full(4, 0.5 + i / 16, np.float32)})
    write_rows(tmp_path / "features.parquet", features, FEATURES)
    write_rows(tmp_path / "tokens.parquet", tokens, TOKENS)
    torch.manual_seed(0)
    student = randomise(Dubber(SIZES, OBJECTIVE, PartsSettings()))
    save_model(tmp_path / "model.safetensors", student.state_dict(), description("stage2", SIZES))
    return tmp_path


def dub(shard: Path, rows: list[dict] | None = None, name: str = "dubs", protocol: str = "1.0", **changes) -> Path:
    output = shard / f"{name}.parquet"
    rows = rows if rows is not None else [manifest_row(clip) for clip in FRAMES]
    settings = SynthesisSettings(**{**SETTINGS.model_dump(), **changes})
    tokens = shard / "tokens.parquet"
    with mock.patch.object(speech, "load_codec", lambda *_: SpokenCodec()):
        dub_step(
            shard_of(rows, output, 0.5),
            speaking(shard, settings, protocol),
            shard / "features.parquet",
            tokens,
            (tokens,),
        )
    return output


def speaking(shard: Path, settings: SynthesisSettings, protocol: str = "1.0", model: str = "model") -> Speaking:
    """A model of the fixture's folder; the codec is a `SpokenCodec`, patched in where it is loaded."""
    return Speaking(shard / f"{model}.safetensors", (), WorldSettings(), settings, protocol, 1)


def by_clip(path: Path) -> dict[str, dict]:
    return {row["clip"]: row for row in read_rows(path)}


def reasons(path: Path) -> dict[str, str]:
    return {row["clip"]: row["reason"] for row in read_rows(failures_path(path))}


def test_each_test_clip_is_as_long_as_its_video(shard):
    made = by_clip(dub(shard))
    assert set(made) == {"long", "short", "middle", "alone"}
    for clip, row in made.items():
        assert row["n_tokens"] == SIZES.tokens_in(FRAMES[clip])
        assert len(row["samples"]) == 200 * row["n_tokens"]
        assert row["frame_durations"].sum() == FRAMES[clip]
        assert row["seconds"] > 0 and row["nfe"] == 3 and row["batch"] == 2 and row["device"] == "cpu"


def test_phonemes_come_from_the_text_alone(shard):
    made = by_clip(dub(shard))
    assert made["long"]["phonemes"].tolist() == phonemise("bin long now").ids


def test_the_same_command_gives_the_same_speech_and_another_seed_another(shard):
    first, again, other = (by_clip(dub(shard, name=n, seed=s)) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert all(np.array_equal(first[clip]["samples"], again[clip]["samples"]) for clip in first)
    assert not all(np.array_equal(first[clip]["samples"], other[clip]["samples"]) for clip in first)


def test_a_clip_is_aligned_alike_alone_and_in_a_batch(shard):
    together, alone = (by_clip(dub(shard, name=f"of{n}", batch_size=n, keep_maps=9)) for n in (4, 1))
    for clip in together:
        assert together[clip]["frame_durations"].tolist() == alone[clip]["frame_durations"].tolist()
        for name in ("attention_vt", "attention_st"):
            np.testing.assert_allclose(together[clip][name], alone[clip][name], atol=2e-3)


def test_only_the_first_clips_keep_their_attention_maps(shard):
    made = by_clip(dub(shard))
    assert {clip for clip, row in made.items() if row["attention_vt"] is not None} == {"long", "short"}
    row = made["long"]
    n = len(row["phonemes"])
    for name, positions in (("attention_vt", FRAMES["long"]), ("attention_st", row["n_tokens"])):
        sums = row[name].astype(np.float32).reshape(positions, n).sum(1)
        np.testing.assert_allclose(sums, 1, atol=0.01)


def test_the_voice_is_the_clips_own_or_its_references(shard):
    """The codec speaks the first number of the speaker vector as the first sample: 0.5 + i / 16 of full scale."""
    order = list(FRAMES)
    own, others = by_clip(dub(shard)), by_clip(dub(shard, name="other", protocol="2.0"))

    def voice(row: dict) -> float:
        return (row["samples"][0] / 32768 - 0.5) * 16

    assert {clip: order[round(voice(row))] for clip, row in own.items()} == {clip: clip for clip in own}
    assert {clip: order[round(voice(row))] for clip, row in others.items()} == {
        "long": "short",
        "short": "long",
        "middle": "trained_on",
    }
    assert "no other clip" in reasons(shard / "other.parquet")["alone"]


def test_what_cannot_be_dubbed_is_counted_and_the_rest_goes_on(shard):
    rows = [manifest_row(clip) for clip in FRAMES]
    rows[0]["text"] = "?!"
    rows.append(manifest_row("lost"))
    output = dub(shard, rows)
    assert set(by_clip(output)) == {"short", "middle", "alone"}
    why = reasons(output)
    assert set(why) == {"long", "lost"} and "earlier step" in why["lost"] and "word" in why["long"]


def test_a_shard_in_which_nothing_can_be_dubbed_is_an_error_with_a_reason(shard):
    with pytest.raises(DubberError, match="1 of 1 clips failed"):
        dub(shard, [manifest_row("lost")])


def test_a_codec_that_does_not_fit_is_refused(shard, monkeypatch):
    monkeypatch.setattr(SpokenCodec, "vocab", 1024)
    with pytest.raises(DubberError, match="Codec 'spoken' has"):
        dub(shard)


def test_units_are_in_the_schema(shard):
    schema = pq.read_schema(dub(shard))
    assert schema.names[0] == "clip" and all(f.metadata[b"unit"] for f in schema)


def test_bfloat16_is_the_denoisers_alone_and_speaks(shard):
    made = by_clip(dub(shard, precision="bf16"))
    assert set(made) == {"long", "short", "middle", "alone"}
    synthesiser = Synthesiser(
        shard / "model.safetensors", SpokenCodec(), SETTINGS.model_copy(update={"precision": "bf16"})
    )
    types = {
        name.split(".")[1] if name.startswith("dfpa") else "": p.dtype
        for name, p in synthesiser.model.named_parameters()
    }
    assert types == {"denoiser": torch.bfloat16, "": torch.float32}


@pytest.mark.parametrize("sampler", ["euler", "exact", "corrector", "confident"])
def test_every_sampler_speaks_for_the_settings_of_a_single_dub(shard, sampler):
    made = by_clip(dub(shard, **{**FAST.model_dump(), "sampler": sampler}))
    assert all(row["nfe"] == FAST.nfe and row["batch"] == 1 for row in made.values())


def test_a_clip_is_spoken_from_as_many_drafts_as_are_asked_for(shard, monkeypatch):
    heard = []

    def decode(self, ids, speaker):
        heard.append(ids)
        return np.zeros(200 * ids.shape[-1], np.float32)

    monkeypatch.setattr(SpokenCodec, "decode", decode)
    made = by_clip(dub(shard, drafts=3))
    assert len(made) == len(heard) == 4
    assert all(row["batch"] == 2 and row["frame_durations"].sum() == FRAMES[clip] for clip, row in made.items())
    assert {ids.shape for ids in heard} == {(3, 6, SIZES.tokens_in(FRAMES[clip])) for clip in made}
    for ids in heard:
        assert ids.max() < SIZES.vocab and (ids[0, 1:3] == ids[1:, 1:3]).all(), "content is no draw"
        assert (ids[0] != ids[1]).any() and (ids[1] != ids[2]).any()
