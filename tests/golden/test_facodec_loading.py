"""Loading FACodec's weights: strict about every key and shape, folded once, frozen; and behind the codec interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from dubber.codec.facodec import FACodecDecoder, FACodecEncoder
from dubber.codec.facodec.adapter import FACodec
from dubber.codec.facodec.loading import slots
from dubber.codec.facodec.weight_norm import fold
from dubber.errors import ClipError, DubberError, MissingDataError

MODELS = {"encoder": FACodecEncoder, "decoder": FACodecDecoder}


@pytest.fixture(scope="module")
def checkpoints() -> dict[str, dict[str, Tensor]]:
    return {model: made_up(network()) for model, network in MODELS.items()}


def made_up(network: nn.Module) -> dict[str, Tensor]:
    """A checkpoint of the published keys and shapes: constructed buffers, small random parameters."""
    random = torch.Generator().manual_seed(0)
    buffers = {tensor.data_ptr() for tensor in network.buffers()}
    made = {}
    for slot in slots(network):
        for key, shape in slot.sources.items():
            fan_in = max(1, int(np.prod(shape[1:])))
            noise = torch.randn(shape, generator=random) * (0.7 / fan_in**0.5 if len(shape) > 1 else 0.1)
            made[key] = slot.target.clone() if slot.target.data_ptr() in buffers else noise
            if key.endswith("weight_g"):
                made[key] = 0.5 + torch.rand(shape, generator=random)
    return made


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("encoder", "block.0.weight_g"),
        ("encoder", "block.3.block.1.block.2.downsample.lowpass.filter"),
        ("decoder", "quantizer.2.layers.1._codebook.weight"),
        ("decoder", "timbre_encoder.position_emb.pe"),
        ("decoder", "model.4.block.1.weight_v"),
    ],
)
def test_every_fault_is_listed(checkpoints: dict, model: str, key: str) -> None:
    whole = checkpoints[model]
    without = {name: tensor for name, tensor in whole.items() if name != key}
    for faulty, message in [
        (without, f"1 missing: {key}"),
        (whole | {f"{key}.extra": torch.zeros(1)}, f"1 unexpected: {key}.extra"),
        (whole | {key: torch.zeros(3, 5)}, f"1 of the wrong shape: {key} \\(3, 5\\) instead of"),
        (without | {"a": torch.zeros(1), "b": torch.zeros(1)}, f"1 missing: {key}; 2 unexpected: a, b"),
    ]:
        with pytest.raises(DubberError, match=message):
            MODELS[model]().load_published(faulty)


def test_a_refused_checkpoint_leaves_the_network_as_it_was(checkpoints: dict) -> None:
    encoder = FACodecEncoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(DubberError):
        encoder.load_published({**checkpoints["encoder"], "extra": torch.zeros(1)})
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_weights_that_are_folded_already_are_not_the_published_ones(checkpoints: dict) -> None:
    weights = dict(checkpoints["encoder"])
    weights["block.0.weight"] = fold(weights.pop("block.0.weight_g"), weights.pop("block.0.weight_v"))
    with pytest.raises(DubberError, match=r"2 missing: .*1 unexpected: block\.0\.weight"):
        FACodecEncoder().load_published(weights)


@pytest.mark.parametrize(
    ("model", "key"), [("encoder", "mel_transform.mel_basis"), ("decoder", "melspec_encoder.last_ln.bias")]
)
def test_v2_is_named(checkpoints: dict, model: str, key: str) -> None:
    with pytest.raises(DubberError, match="FACodec v2 checkpoint; only v1") as error:
        MODELS[model]().load_published(checkpoints[model] | {key: torch.zeros(1)})
    assert f"ns3_facodec_{model}.bin" in str(error.value)


def test_training_heads_are_skipped_in_the_decoder_only(checkpoints: dict) -> None:
    head = {"f0_predictor.heads.0.bias": torch.zeros(1), "x_timbre_predictor.1.heads.0.bias": torch.zeros(245200)}
    FACodecDecoder().load_published(checkpoints["decoder"] | head)
    with pytest.raises(DubberError, match="2 unexpected"):
        FACodecEncoder().load_published(checkpoints["encoder"] | head)
    with pytest.raises(DubberError, match=r"unexpected: f1_predictor\.bias"):
        FACodecDecoder().load_published(checkpoints["decoder"] | {"f1_predictor.bias": torch.zeros(1)})


def test_loading_folds_and_freezes(checkpoints: dict) -> None:
    weights = checkpoints["decoder"]
    decoder = FACodecDecoder().load_published(weights)
    first = decoder.waveform[0]
    norm = weights["model.0.weight_v"].flatten(1).norm(dim=1).view(-1, 1, 1)
    expected = weights["model.0.weight_g"] * weights["model.0.weight_v"] / norm
    torch.testing.assert_close(first.weight, expected)
    assert not decoder.training
    assert not any(parameter.requires_grad for parameter in decoder.parameters())
    assert not any("weight_g" in name for name in decoder.state_dict())


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Conv1d(5, 3, 7), nn.ConvTranspose1d(5, 3, 4)])
def test_folding_is_weight_norm(layer: nn.Module) -> None:
    normed = weight_norm(layer, dim=0)
    with torch.no_grad():
        normed.parametrizations.weight.original0.uniform_(0.5, 2)
    magnitude, direction = normed.parametrizations.weight.original0, normed.parametrizations.weight.original1
    torch.testing.assert_close(fold(magnitude, direction), normed.weight)


@pytest.fixture(scope="module", params=[".bin", ".safetensors"])
def files(request: pytest.FixtureRequest, checkpoints: dict, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("facodec")
    paths = [folder / f"ns3_facodec_{model}{request.param}" for model in MODELS]
    for path, weights in zip(paths, checkpoints.values(), strict=True):
        save_file(weights, path) if request.param == ".safetensors" else torch.save(weights, path)
    return paths


@pytest.fixture(scope="module")
def codec(checkpoints: dict) -> FACodec:
    return FACodec(*(MODELS[model]().load_published(weights) for model, weights in checkpoints.items()))


def test_the_codec_from_files_is_the_codec_from_memory(files: list[Path], codec: FACodec) -> None:
    wav = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    loaded = FACodec.load(*files)
    tokens, expected = loaded.encode(wav), codec.encode(wav)
    np.testing.assert_array_equal(tokens.ids, expected.ids)
    np.testing.assert_array_equal(tokens.speaker, expected.speaker)
    np.testing.assert_array_equal(loaded.decode(tokens.ids, tokens.speaker), codec.decode(tokens.ids, tokens.speaker))


@pytest.mark.parametrize(("samples", "tokens"), [(100 + 1, 1), (199, 1), (301, 2), (3199, 16), (3200, 16), (3299, 16)])
def test_the_codec_rounds_to_whole_tokens(codec: FACodec, samples: int, tokens: int) -> None:
    made = codec.encode(np.random.default_rng(samples).normal(size=samples))
    assert made.ids.shape == (codec.streams, tokens) and made.ids.dtype == np.int64
    assert made.ids.min() >= 0 and made.ids.max() < codec.vocab
    assert made.speaker.shape == (codec.speaker_dim,) and made.speaker.dtype == np.float32
    wav = codec.decode(made.ids.astype(np.int16), made.speaker.astype(np.float16))
    assert wav.shape == (tokens * 200,) and wav.dtype == np.float32
    assert np.abs(wav).max() <= 1


def test_equal_drafts_speak_as_one_of_them(codec: FACodec) -> None:
    made = codec.encode(np.random.default_rng(0).normal(size=3200))
    other = codec.encode(np.random.default_rng(1).normal(size=3200))
    one, two = codec.decode(made.ids, made.speaker), codec.decode(np.stack([made.ids] * 2), made.speaker)
    np.testing.assert_allclose(one, two, atol=1e-6)
    assert np.abs(one - codec.decode(np.stack([made.ids, other.ids]), made.speaker)).max() > 1e-4


def test_the_codec_refuses_a_bad_clip(codec: FACodec) -> None:
    with pytest.raises(ClipError, match="99 samples, too few"):
        codec.encode(np.zeros(99, np.float32))
    with pytest.raises(ClipError, match="not finite"):
        codec.encode(np.full(400, np.nan, np.float32))


def test_missing_weights_name_the_file_its_source_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as error:
        FACodec.load(tmp_path / "absent.bin", tmp_path / "absent-too.bin")
    for part in ("absent.bin", "ns3_facodec_encoder.bin", "amphion/naturalspeech3_facodec", "`dubber fetch facodec`"):
        assert part in str(error.value)


@pytest.mark.parametrize(("name", "content"), [("damaged.bin", b"PK\x03\x04"), ("damaged.safetensors", b"\xff" * 9)])
def test_damaged_weights_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DubberError, match="damaged") as error:
        FACodec.load(tmp_path / name, tmp_path / name)
    assert name in str(error.value)


class NotATensor:
    """Stands for what a pickle may hide."""


@pytest.mark.parametrize("content", [{"block.0.bias": NotATensor()}, {"state": {"a": torch.zeros(1)}}, [1, 2]])
def test_only_tensors_are_unpickled(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.bin")
    with pytest.raises(DubberError, match="tensors"):
        FACodec.load(tmp_path / "weights.bin", tmp_path / "weights.bin")


@pytest.mark.parametrize(
    ("samples", "tokens"), [(16000, 80), (16100, 80), (16001, 80), (15999, 80), (48000, 240), (199, 1)]
)
def test_lengths_are_those_of_the_published_encoder(codec: FACodec, samples: int, tokens: int) -> None:
    assert codec.encoder(torch.zeros(1, 1, samples)).shape == (1, 256, tokens)


def test_a_batch_is_its_clips_one_by_one(checkpoints: dict) -> None:
    encoder = FACodecEncoder().load_published(checkpoints["encoder"]).double()
    decoder = FACodecDecoder().load_published(checkpoints["decoder"]).double()
    wavs = torch.randn(3, 1, 4000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = Round(encoder, decoder, wavs)
    assert together.ids.shape == (6, 3, 20) and together.speaker.shape == (3, 256)
    assert together.recon.shape == (3, 1, 4000)
    for i in range(3):
        one = slice(i, i + 1)
        alone = Round(encoder, decoder, wavs[one])
        torch.testing.assert_close(alone.encoded, together.encoded[one])
        assert torch.equal(alone.ids, together.ids[:, one])
        torch.testing.assert_close(alone.speaker, together.speaker[one])
        torch.testing.assert_close(alone.recon, together.recon[one])


class Round:
    """All that a batch becomes on its way through the codec."""

    def __init__(self, encoder: FACodecEncoder, decoder: FACodecDecoder, wavs: Tensor) -> None:
        self.encoded = encoder(wavs)
        self.ids, self.speaker = decoder.quantise(self.encoded)
        self.recon = decoder.synthesise(decoder.embed(self.ids), self.speaker)
