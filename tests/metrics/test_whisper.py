"""Whisper through faster-whisper: its real loader and decoder, on made-up weights of large-v3's layout."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import whisper_spec
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from dubber.errors import DubberError, MissingDataError
from dubber.metrics import whisper_recogniser
from dubber.metrics.settings import WHISPER, WHISPER_FILES, WerSettings
from dubber.metrics.whisper_recogniser import WhisperRecogniser

FILES = WHISPER_FILES[WHISPER]

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
    return make(tmp_path_factory.mktemp("whisper-made-up", numbered=False))


def make(folder: Path) -> Path:
    """Fill a folder as the fetch command leaves it."""
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


def whisper(folder: Path, **options) -> WerSettings:
    return WerSettings(backend="whisper", weights=str(folder), device="cpu", **options)


def test_the_published_layout_is_loaded_and_decoded(folder):
    recogniser = WhisperRecogniser(whisper(folder, beam=2, temperatures=(0.0,)))
    assert recogniser.name == "whisper:made-up"
    first, second = recogniser.transcribe(SPEECH), recogniser.transcribe(SPEECH)
    assert first == second, "temperature 0 and no memory of the clip before"
    assert "<|" not in first


def test_layers_of_another_model_are_refused(folder, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}), encoding="utf-8")
    with pytest.raises(DubberError, match="80 mel bands"):
        WhisperRecogniser(whisper(tmp_path))


def test_a_damaged_file_is_named(folder, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(DubberError, match="cannot be loaded"):
        WhisperRecogniser(whisper(tmp_path))


def test_missing_weights_name_the_files_and_the_command(tmp_path):
    with pytest.raises(MissingDataError, match=r"lack model\.bin, config\.json") as caught:
        WhisperRecogniser(whisper(tmp_path))
    assert "dubber fetch whisper-large-v3" in str(caught.value)


def test_a_conversion_with_80_bands_and_a_word_list_as_text_is_read(tmp_path, monkeypatch):
    """Base, small, medium and large-v2 have vocabulary.txt and no preprocessor_config.json."""
    monkeypatch.setattr("tests.metrics.test_whisper.MELS", 80)
    make(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    words = json.loads((tmp_path / "vocabulary.json").read_text())
    (tmp_path / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8")
    (tmp_path / "vocabulary.json").unlink()
    assert isinstance(WhisperRecogniser(whisper(tmp_path, beam=1)).transcribe(SPEECH), str)


def test_a_loop_ends_at_the_cap(folder, monkeypatch):
    monkeypatch.setattr(whisper_recogniser, "FIRST_TOKENS", 1)
    free, capped = (
        WhisperRecogniser(whisper(folder, beam=1, temperatures=(0.0,), tokens_per_second=r)) for r in (0, 1)
    )
    assert len(capped.transcribe(SPEECH).split()) <= 2 < len(free.transcribe(SPEECH).split())


def test_a_cuda_library_that_cannot_be_loaded_means_the_cpu_and_one_warning(folder, monkeypatch, caplog):
    """CTranslate2 finds out at the first clip; here a library is asked for before that."""
    import faster_whisper

    real = faster_whisper.WhisperModel

    def broken(path, device, **options):
        if device != "cpu":
            raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
        return real(path, device=device, **options)

    monkeypatch.setattr(faster_whisper, "WhisperModel", broken)
    with caplog.at_level(logging.WARNING):
        recogniser = WhisperRecogniser(whisper(folder).model_copy(update={"device": "cuda"}))
    recogniser.transcribe(SPEECH)
    assert [message for message in caplog.messages if "libcublas" in message] == caplog.messages
    assert "on the CPU" in caplog.text and len(caplog.messages) == 1


def test_the_number_format_is_part_of_the_name(folder):
    assert WhisperRecogniser(whisper(folder, number_format="int8")).name == "whisper:made-up, int8"
