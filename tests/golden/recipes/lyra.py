"""Writes tests/golden/data/lyra.npz: what the published networks of Lyra V2 make of a made-up sound.

    python -m venv elsewhere && elsewhere/bin/pip install ai-edge-litert==2.3.0
    elsewhere/bin/python -m tests.golden.recipes.lyra FOLDER_OF_THE_TFLITE_FILES

Run by TensorFlow Lite's own kernels, without delegates, on an x86 processor. Streams start with fresh networks.

Beside the networks' inputs and outputs the file holds what goes into and comes out of each 8-bit layer in the first
frames, so that every layer can be tried alone: 8-bit values as they are, with scale and zero point of each tensor.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

STORED = Path(__file__).parent.parent / "data" / "lyra.npz"
HOP, FRAMES, BOOKS = 320, 50, 46
KEPT = 12  # frames of which inner tensors are kept
FEATURES, SOUND = 210, 292  # tensors: outputs of the encoder and of the decoder
ENCODER = {  # layer of LyraEncoder: the tensors that go in and come out
    "9.point": (None, 154),  # the last one before 8-bit products begin
    "9.mix.conv": (156, 158),
    "10.depth.conv": (162, 170),
    "10.point": (170, 172),
    "10.mix.conv": (173, 175),
    "11.depth.conv": (177, 185),
    "11.point": (185, 187),
    "11.mix.conv": (188, 190),
    "12.conv": (192, 200),
    "13.conv": (201, 208),
}
DECODER = {
    "1.conv": (120, 164),
    "2.depth.conv": (166, 173),
    "2.point": (173, 175),
    "2.mix.conv": (176, 178),
    "3.depth.conv": (182, 189),
    "3.point": (189, 191),
    "3.mix.conv": (192, 194),
    "4.depth.conv": (196, 203),
    "4.point": (203, 205),
    "4.mix.conv": (206, 208),
    "5.conv": (210, 231),  # what comes out is the first tensor after the 8-bit products
}


def sound() -> np.ndarray:
    """A gliding buzz with pauses in rising noise; float32 [16000], 1 s at 16 kHz."""
    time = np.arange(HOP * FRAMES) / 16_000
    phase = 2 * np.pi * np.cumsum(130 + 40 * np.sin(2 * np.pi * 1.5 * time)) / 16_000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 30)) * (np.sin(2 * np.pi * 3 * time) > -0.5)
    noise = np.random.default_rng(0).standard_normal(len(time)) * time / 50
    return (0.1 * buzz + noise).astype(np.float32)


def inner(layers: dict[str, tuple[int | None, int]]) -> list[int]:
    return sorted({tensor for pair in layers.values() for tensor in pair if tensor is not None})


def stream(file: Path, inputs: np.ndarray, tensors: list[int]) -> tuple[list[np.ndarray], np.ndarray]:
    """Tensors of the network at every step of the stream `inputs` [T, ...]: each [T, ...]; scales and zero points."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    network = Interpreter(
        str(file),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    network.allocate_tensors()
    given, found = network.get_input_details()[0]["index"], []
    for step in inputs:
        network.set_tensor(given, step[None])
        network.invoke()
        found.append([network.get_tensor(tensor).copy()[0] for tensor in tensors])
    details = {detail["index"]: detail["quantization"] for detail in network.get_tensor_details()}
    return [np.stack(values) for values in zip(*found, strict=True)], np.array([details[tensor] for tensor in tensors])


def quantised(file: Path, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features [T, 64] -> codes [T, 46] and the features that they stand for [T, 64]."""
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(str(file))
    encode, decode = network.get_signature_runner("encode"), network.get_signature_runner("decode")
    codes, back = [], []
    for frame in features:
        found = encode(input_frames=frame.reshape(1, 1, 64), num_quantizers=np.int32(BOOKS))
        codes.append(next(values for values in found.values() if values.size == BOOKS).reshape(-1))
        back.append(decode(encoding_indices=codes[-1].astype(np.int32).reshape(BOOKS, 1, 1))["output_0"].reshape(-1))
    return np.stack(codes), np.stack(back)


def main(folder: Path) -> None:
    wav, kept = sound(), {}
    for name, layers in (("encoder", ENCODER), ("decoder", DECODER)):
        file, end = ("soundstream_encoder", FEATURES) if name == "encoder" else ("lyragan", SOUND)
        given = wav.reshape(FRAMES, HOP) if name == "encoder" else kept["back"][:, None]
        (*values, output), steps = stream(folder / f"{file}.tflite", given, [*inner(layers), end])
        kept[f"{name} steps"] = steps[:-1]
        for tensor, value in zip(inner(layers), values, strict=True):
            kept[f"{name} {tensor}"] = value[:KEPT].reshape(-1, value.shape[-1])
        if name == "encoder":
            kept["features"] = output[:, 0]
            codes, kept["back"] = quantised(folder / "quantizer.tflite", output[:, 0])
            kept["codes"] = codes.astype(np.uint8)
        else:
            kept["decoded"] = output.reshape(-1)
    np.savez_compressed(STORED, **kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
