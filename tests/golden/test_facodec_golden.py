"""FACodec against the published architecture: its table of keys, and its numbers under made-up weights.

The golden file's recipe: for every parameter key but `*.weight_g`, r is a standard normal array from numpy's default
generator, seeded with the CRC-32 of the key; with two or more dimensions it is scaled by 0.7 / sqrt(fan in), with one
it is 0.1 r, around 1 where the key ends in `.weight`. `*.weight_g` is the norm of its `weight_v`. Every `filter` is
that of the file, and the table of positions the standard sinusoids.
"""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dubber.codec.facodec import FACodecDecoder, FACodecEncoder
from dubber.codec.facodec.decoder import TRAINING_HEADS
from dubber.codec.facodec.filters import low_pass
from dubber.codec.facodec.loading import slots
from dubber.codec.facodec.timbre import TimbreEncoder
from dubber.errors import DubberError

DATA = Path(__file__).parent / "data"
MODELS = {"encoder": FACodecEncoder, "decoder": FACodecDecoder}


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    with np.load(DATA / "facodec_golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def encoder(golden: dict[str, torch.Tensor]) -> FACodecEncoder:
    return FACodecEncoder().load_published(made_up(table("encoder"), golden["filter"]))


@pytest.fixture(scope="module")
def decoder(golden: dict[str, torch.Tensor]) -> FACodecDecoder:
    return FACodecDecoder().load_published(made_up(table("decoder"), golden["filter"]))


def table(model: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of a published checkpoint."""
    with (DATA / f"facodec_{model}_keys.csv").open(newline="") as rows:
        return {row["key"]: tuple(map(int, row["shape"].split("x"))) for row in csv.DictReader(rows)}


def is_head(key: str) -> bool:
    return key.partition(".")[0] in TRAINING_HEADS


def made_up(shapes: dict[str, tuple[int, ...]], filter_: torch.Tensor) -> dict[str, torch.Tensor]:
    """A checkpoint by the golden file's recipe; the training heads, 72 million numbers, hold none."""
    made = {key: value(key, shape, filter_) for key, shape in shapes.items() if not key.endswith("weight_g")}
    norms = {
        key: torch.linalg.vector_norm(made[f"{key[:-1]}v"].flatten(1), dim=1).view(shape)
        for key, shape in shapes.items()
        if key.endswith("weight_g")
    }
    return made | norms


def value(key: str, shape: tuple[int, ...], filter_: torch.Tensor) -> torch.Tensor:
    if is_head(key):
        return torch.empty(shape, device="meta")
    if key.endswith("filter"):
        return filter_
    if key.endswith("position_emb.pe"):
        return sinusoids(*shape)
    drawn = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if len(shape) > 1:
        return torch.from_numpy(drawn * np.float32(0.7 / np.sqrt(np.prod(shape[1:]))))
    return torch.from_numpy(drawn * np.float32(0.1) + np.float32(key.endswith(".weight")))


def sinusoids(length: int, _: int, channels: int) -> torch.Tensor:
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, channels, 2) / channels)
    columns = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, 1, channels)
    return torch.from_numpy(columns.astype(np.float32))


@pytest.mark.parametrize("model", MODELS)
def test_keys_and_shapes_are_those_of_the_published_table(model: str) -> None:
    ours = {key: shape for slot in slots(MODELS[model]()) for key, shape in slot.sources.items()}
    published = table(model)
    assert ours == {key: shape for key, shape in published.items() if not is_head(key)}
    assert model == "encoder" or sum(map(is_head, published)) == 244


@pytest.mark.parametrize("model", MODELS)
def test_the_published_v2_table_is_refused_by_name(model: str) -> None:
    weights = {key: torch.empty(shape, device="meta") for key, shape in table(f"{model}_v2").items()}
    with pytest.raises(DubberError, match="FACodec v2"):
        MODELS[model]().load_published(weights)


def test_constructed_buffers_are_the_published_ones(golden: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(low_pass(), golden["filter"], atol=1e-7, rtol=0)
    torch.testing.assert_close(TimbreEncoder().positions, sinusoids(5000, 1, 256), atol=1e-6, rtol=0)


def test_encoded(encoder: FACodecEncoder, golden: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(encoder(golden["wav"]), golden["encoded"], atol=1e-4, rtol=0)


def test_ids_and_speaker(decoder: FACodecDecoder, golden: dict[str, torch.Tensor]) -> None:
    ids, speaker = decoder.quantise(golden["encoded"])
    assert ids.dtype == torch.int64 and ids.shape == (6, 1, 80)
    assert (ids == golden["ids"]).float().mean() >= 0.99
    torch.testing.assert_close(speaker, golden["speaker"], atol=1e-4, rtol=0)


def test_every_id_is_the_golden_one_where_the_nearest_two_codes_differ(
    decoder: FACodecDecoder, golden: dict[str, torch.Tensor]
) -> None:
    ids, x = golden["ids"].long(), golden["encoded"].transpose(1, 2)
    left = x - decoder.prosody.embed(ids[:1]) - decoder.content.embed(ids[1:3])
    cases = [(decoder.prosody, x, ids[:1]), (decoder.content, x, ids[1:3]), (decoder.acoustic, left, ids[3:])]
    for quantiser, rest, taken in cases:
        for codebook, golden_ids in zip(quantiser.codebooks, taken, strict=True):
            cosine = F.cosine_similarity(codebook.project_in(rest).unsqueeze(-2), codebook.codes, dim=-1)
            first, second = cosine.topk(2, dim=-1).values.unbind(-1)
            clear = first - second > 1e-4
            assert clear.float().mean() > 0.9
            assert torch.equal(codebook.search(rest)[clear], golden_ids[clear])
            rest = rest - codebook.embed(golden_ids)


def test_embedded(decoder: FACodecDecoder, golden: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(decoder.embed(golden["ids"].long()), golden["emb"], atol=1e-4, rtol=0)


def test_synthesised(decoder: FACodecDecoder, golden: dict[str, torch.Tensor]) -> None:
    recon = decoder.synthesise(golden["emb"], golden["speaker"])
    torch.testing.assert_close(recon, golden["recon"], atol=1e-3, rtol=0)


def test_from_waveform_to_waveform(
    encoder: FACodecEncoder, decoder: FACodecDecoder, golden: dict[str, torch.Tensor]
) -> None:
    ids, speaker = decoder.quantise(encoder(golden["wav"]))
    torch.testing.assert_close(decoder.synthesise(decoder.embed(ids), speaker), golden["recon"], atol=1e-3, rtol=0)
