"""Whisper through faster-whisper: its real loader and decoder, on made-up weights of large-v3's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import whisper_spec
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from dubber.errors import DubberError, MissingDataError
from dubber.metrics.whisper_recogniser import FILES, WhisperRecogniser

WIDTH, MELS, VOCABULARY, ENCODER_POSITIONS, DECODER_POSITIONS = 64, 128, 51866, 1500, 448  # large-v3 but for the width
WORDS, LANGUAGES = 50257, 100
SPEECH = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def vocabulary() -> list[str]:
    """Words, then large-v3's special tokens in their places."""
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", *(f"<|l{i}|>" for i in range(LANGUAGES - 1))]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    times = [f"<|{0.02 * i:.2f}|>" for i in range(1501)]
    return [f" w{i}" for i in range(WORDS)] + special + ["<|notimestamps|>", *times]


def shape_of(name: str) -> tuple[int, ...]:
    """The shape of a variable of the published layout."""
    if "embeddings" in name or "projection" in name:
        return (VOCABULARY, WIDTH) if name.endswith("weight") else (VOCABULARY,)
    if "conv" in name:
        return (WIDTH, MELS if "conv1" in name else WIDTH, 3) if name.endswith("weight") else (WIDTH,)
    if name.endswith(("gamma", "beta")):
        return (WIDTH,)
    if name.endswith("encodings"):
        return (ENCODER_POSITIONS if name.startswith("encoder") else DECODER_POSITIONS, WIDTH)
    rows, columns = {"ffn/linear_0": (4, 1), "ffn/linear_1": (1, 4), "self_attention/linear_0": (3, 1)}.get(
        "/".join(name.split("/")[-3:-1]), (2 if "/attention/linear_1" in name else 1, 1)
    )
    return (rows * WIDTH, columns * WIDTH) if name.endswith("weight") else (rows * WIDTH,)


def fill(spec, draw: np.random.Generator, prefix: str = "") -> None:
    """Set every variable of a CTranslate2 specification to made-up numbers."""
    for key, value in vars(spec).items():
        name = f"{prefix}{key}"
        if isinstance(value, list):
            for i, layer in enumerate(value):
                fill(layer, draw, f"{name}_{i}/")
        elif type(value).__module__.startswith("ctranslate2.specs"):
            fill(value, draw, f"{name}/")
        elif key in ("weight", "bias", "gamma", "beta", "encodings") and not key.startswith("_"):
            setattr(spec, key, draw.normal(0, 0.3, shape_of(name)).astype(np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder as the fetch rule leaves it."""
    folder = tmp_path_factory.mktemp("whisper-made-up", numbered=False)
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    fill(spec.encoder, np.random.default_rng(1), "encoder/")
    fill(spec.decoder, np.random.default_rng(2), "decoder/")
    tokens = vocabulary()
    spec.register_vocabulary(tokens)
    spec.config.lang_ids = list(range(WORDS + 2, WORDS + 2 + LANGUAGES))
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [WORDS]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.save(str(folder))
    tokenizer = Tokenizer(WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=" w0"))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS}), encoding="utf-8")
    return folder


def test_the_published_layout_is_loaded_and_decoded(folder):
    recogniser = WhisperRecogniser(folder, beam=2)
    assert recogniser.name == "whisper:made-up"
    first, second = recogniser.transcribe(SPEECH), recogniser.transcribe(SPEECH)
    assert first == second, "temperature 0 and no memory of the clip before"
    assert "<|" not in first


def test_layers_of_another_model_are_refused(folder, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}), encoding="utf-8")
    with pytest.raises(DubberError, match="80 mel bands"):
        WhisperRecogniser(tmp_path, beam=1)


def test_a_damaged_file_is_named(folder, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(DubberError, match="cannot be loaded"):
        WhisperRecogniser(tmp_path, beam=1)


def test_missing_weights_name_the_files_and_the_command(tmp_path):
    with pytest.raises(MissingDataError, match=r"lack model\.bin, config\.json") as caught:
        WhisperRecogniser(tmp_path, beam=5)
    assert "dubber fetch whisper-large-v3" in str(caught.value)
