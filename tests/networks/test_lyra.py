"""Lyra V2 equals the published networks, layer by layer (recipe: tests/golden/recipes/lyra.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dubber.errors import DubberError, MissingDataError
from dubber.networks.lyra import (
    LyraDecoder,
    LyraEncoder,
    LyraQuantiser,
    load_lyra_decoder,
    load_lyra_encoder,
    load_lyra_quantiser,
)
from tests.golden.recipes.lyra import DECODER, ENCODER, STORED, inner, sound
from tests.helpers.made_up_weights import made_up, shapes

ROOT = Path(__file__).resolve().parent.parent.parent
ENCODER_FILE = "soundstream_encoder.tflite"
TAIL = 6  # the decoder's first layer after the 8-bit products


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(STORED) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def folder(request) -> Path:
    fetched = ROOT / "downloads" / "lyra"
    if (fetched / ENCODER_FILE).exists():
        return fetched
    beside = request.getfixturevalue("shared_data") / "weights" / "lyra"
    if not beside.exists():
        pytest.skip("the published weights are not here: dubber fetch lyra")
    return beside


@pytest.fixture(scope="module")
def encoder(folder) -> LyraEncoder:
    return load_lyra_encoder(folder / ENCODER_FILE)


@pytest.fixture(scope="module")
def decoder(folder) -> LyraDecoder:
    return load_lyra_decoder(folder / "lyragan.tflite")


@pytest.fixture(scope="module")
def quantiser(folder) -> LyraQuantiser:
    return load_lyra_quantiser(folder / "quantizer.tflite")


def tensor(golden: dict[str, np.ndarray], network: str, place: int) -> tuple[Tensor, float, float]:
    """A stored tensor [1, C, T] in real units, its rounding step, 0 where it is float, and its zero point."""
    layers = ENCODER if network == "encoder" else DECODER
    step, zero = golden[f"{network} steps"][inner(layers).index(place)]
    values = golden[f"{network} {place}"].astype(np.float32)
    return torch.from_numpy((values - zero) * step if step else values).float().T[None], step, zero


def faults(golden: dict[str, np.ndarray], network: str, layers: nn.Module, name: str) -> Tensor:
    """Rounding steps between a layer's output, kept within 8 bits, and the published one, given the published input."""
    given, wanted = ENCODER[name] if network == "encoder" else DECODER[name]
    published, step, zero = tensor(golden, network, wanted)
    found = layers.get_submodule(name)(tensor(golden, network, given)[0], {})
    if step:
        return (found.clamp((-128 - zero) * step, (127 - zero) * step) - published) / step
    # The outputs of transposed convolutions are rounded before they are summed: by at most 0.164.
    return (found - published) / 0.164


@pytest.mark.parametrize("name", [name for name in ENCODER if ENCODER[name][0]])
def test_each_8_bit_layer_of_the_encoder_is_within_its_rounding(golden, encoder, name):
    found = faults(golden, "encoder", encoder.layers, name)
    assert found.abs().max() < 1.01 and found.square().mean().sqrt() == pytest.approx(12**-0.5, rel=0.15)


@pytest.mark.parametrize("name", DECODER)
def test_each_8_bit_layer_of_the_decoder_is_within_its_rounding(golden, decoder, name):
    found = faults(golden, "decoder", decoder.layers, name)
    assert found.abs().max() < 1.01


def test_float_layers_equal_the_published_ones(golden, encoder, decoder):
    kept = []
    hook = encoder.layers[9].point.register_forward_hook(lambda _module, _given, output: kept.append(output))
    encoder(torch.from_numpy(sound())[None])
    hook.remove()
    wanted = tensor(golden, "encoder", 154)[0]
    assert torch.allclose(kept[0][:, :, : wanted.shape[2]], wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    heard, memory = tensor(golden, "decoder", 231)[0], {}
    for layer in decoder.layers[TAIL:]:
        heard = layer(heard, memory)
    assert np.abs(heard[0, 0].numpy() - golden["decoded"][: heard.shape[2]]).max() < 1e-5


def ratio(found: np.ndarray, wanted: np.ndarray) -> float:
    """Signal to difference in dB."""
    return 10 * np.log10(np.square(wanted).sum() / np.square(found - wanted).sum())


def test_codes_and_their_vectors_are_the_published_ones(golden, quantiser):
    codes = quantiser.encode(torch.from_numpy(golden["features"]))
    assert np.array_equal(codes.numpy(), golden["codes"])
    assert np.abs(quantiser.decode(codes).numpy() - golden["back"]).max() < 1e-4
    few = quantiser.encode(torch.from_numpy(golden["features"]), 7)
    assert torch.equal(few, codes[:, :7])


def test_the_whole_networks_differ_by_no_more_than_rounding_explains(golden, encoder, decoder):
    features = encoder(torch.from_numpy(sound())[None])[0].numpy()
    assert ratio(features, golden["features"]) > 23
    heard = decoder(torch.from_numpy(golden["back"])[None])[0].numpy()
    assert ratio(heard, golden["decoded"]) > 22


@pytest.mark.parametrize("parts", [[1, 2, 10, 37], [25, 25]])
def test_a_stream_in_parts_is_the_stream(parts):
    encoder, decoder = LyraEncoder(), LyraDecoder()
    for network in (encoder, decoder):
        network.load_state_dict(made_up(shapes(network)))
    with torch.inference_mode():
        wav, memory = torch.from_numpy(sound())[None], {}
        features = torch.cat([encoder(part, memory) for part in wav.split([320 * n for n in parts], 1)], 1)
        whole = encoder(wav)
        assert torch.allclose(features, whole, atol=1e-5 * float(whole.abs().max()))
        memory = {}
        heard = torch.cat([decoder(part, memory) for part in whole.split(parts, 1)], 1)
        spoken = decoder(whole)
        assert heard.shape == wav.shape
        assert torch.allclose(heard, spoken, atol=1e-5 * float(spoken.abs().max()))


def test_gradients_reach_the_features(decoder):
    features = torch.zeros(1, 3, 64, requires_grad=True)
    decoder(features).square().sum().backward()
    assert features.grad is not None and features.grad.abs().sum() > 0


def test_missing_foreign_and_damaged_files_are_told(tmp_path, folder):
    with pytest.raises(MissingDataError, match="dubber fetch lyra"):
        load_lyra_encoder(tmp_path / "none.tflite")
    with pytest.raises(DubberError, match="does not hold the weights of Lyra V2"):
        load_lyra_decoder(folder / ENCODER_FILE)
    with pytest.raises(DubberError, match="does not hold the weights of Lyra V2"):
        load_lyra_quantiser(folder / ENCODER_FILE)
    whole = (folder / ENCODER_FILE).read_bytes()
    for name, content in {"cut": whole[:5000], "empty": b"", "other": b"PK" + whole[2:], "text": b"x" * 99}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DubberError, match="damaged"):
            load_lyra_encoder(tmp_path / name)


def test_a_file_with_wrong_bytes_is_read_or_refused(tmp_path, folder):
    whole, random = bytearray((folder / ENCODER_FILE).read_bytes()), np.random.default_rng(0)
    for turn in range(12):
        broken = whole.copy()
        for place in random.integers(0, len(whole) if turn % 2 else 2000, 20):
            broken[-1 - place] = random.integers(0, 256)  # offsets are at the end of this file
        (tmp_path / "broken").write_bytes(broken)
        try:
            load_lyra_encoder(tmp_path / "broken")
        except DubberError:
            continue
