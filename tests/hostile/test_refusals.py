"""What a hostile file could do, and that it is refused with a message instead: too large, too long, or full of code."""

from __future__ import annotations

import ast
import pickle
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

import dubber
from dubber.align.mfa import read_alignment
from dubber.codec.facodec.adapter import read_weights
from dubber.corpus import grid
from dubber.corpus.libritts import LibriTTS
from dubber.corpus.manifest import load_shard
from dubber.dub.cues import read_subtitles, read_text
from dubber.errors import ClipError, DubberError
from dubber.files import MAX_TEXT_BYTES, read_limited
from dubber.media import audio, crops
from dubber.media.imported_features import Imported
from dubber.media.settings import CropSettings, ImportedStream
from dubber.media.video import probe, read_frames
from dubber.model.settings import describe_model
from dubber.networks.dvector import PUBLISHED
from dubber.networks.published_weights import load_published

HUNDRED_MB = 100 * 1024 * 1024
MB = 1024 * 1024


@pytest.mark.parametrize(
    "read", [read_alignment, read_subtitles, read_text, grid.read_words, LibriTTS._spoken], ids=lambda f: f.__qualname__
)
def test_a_text_of_100_mb_is_refused_unread(tmp_path, read):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(HUNDRED_MB)
    tracemalloc.start()
    with pytest.raises(DubberError, match=f"of {HUNDRED_MB:,} bytes is larger than the {MAX_TEXT_BYTES:,}") as error:
        read(path)
    assert tracemalloc.get_traced_memory()[1] < MB
    tracemalloc.stop()
    assert str(path) in str(error.value)


def test_a_file_without_a_size_is_read_no_further_than_the_limit():
    with pytest.raises(DubberError, match="larger than the 1,000"):
        read_limited("/dev/zero", "A device", limit=1000)


def black_png(path: Path, width: int, height: int) -> Path:
    """A whole PNG of one bit a pixel: a thousandth of the bytes that its pixels take."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    squeeze = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(tmp_path):
    path = black_png(tmp_path / "bomb.png", 12_000, 12_000)
    assert path.stat().st_size < MB / 10
    for look in (probe, lambda p: next(read_frames(p))):
        with pytest.raises(ClipError, match="12000x12000 is larger than the 67,108,864 pixels"):
            look(path)


def test_a_picture_that_ffmpeg_itself_refuses_is_a_clip_that_failed(tmp_path):
    with pytest.raises(ClipError, match="cannot be decoded"):
        probe(black_png(tmp_path / "bomb.png", 30_000, 30_000))


def test_a_clip_that_never_ends_breaks_off(monkeypatch):
    monkeypatch.setattr(crops, "MAX_CLIP_SECONDS", 2)
    picture, settings = np.zeros((4, 4, 3), np.uint8), CropSettings()
    assert len(list(crops._bounded(iter([picture] * 50), settings))) == 50
    with pytest.raises(ClipError, match="longer than the 2 s"):
        list(crops._bounded(iter([picture] * 51), settings))


def test_a_sound_that_never_ends_breaks_off(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    audio.write_wav(path, np.zeros(3 * audio.SAMPLE_RATE, np.float32))
    monkeypatch.setattr(audio, "MAX_SOUND_SECONDS", 2)
    with pytest.raises(ClipError, match="longer than the 2 s"):
        audio.read_audio(path)


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def loaders() -> list:
    """Everything that opens weights or arrays which somebody else may have made."""
    return [
        lambda path: load_published(torch.nn.Linear(1, 1), path, PUBLISHED),
        lambda path: read_weights(path, "a.pth"),
        describe_model,
        lambda path: Imported(ImportedStream(folder=str(path.parent)), 4, "lip").of({"clip": path.stem, "n_frames": 1}),
    ]


@pytest.mark.parametrize("load", loaders(), ids=["published", "facodec", "model", "features"])
@pytest.mark.parametrize("form", ["torch", "pickle", "numpy"])
def test_pickled_code_is_refused_and_does_not_run(tmp_path, load, form):
    mark, path = tmp_path / "ran", tmp_path / "evil.npy"
    if form == "torch":
        torch.save({"weight": Payload(mark)}, path)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(Payload(mark)))
    else:
        np.save(path, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(DubberError):
        load(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists(), "the payload of this test does nothing"


def test_nothing_in_the_package_unpickles():
    """Every call that could run code from a file says that it must not."""
    safe = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    forbidden = {"pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load", "joblib.load", "eval", "exec"}
    seen = 0
    for path in sorted(Path(dubber.__file__).parent.rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            assert name not in forbidden, f"{path}:{call.lineno}"
            if name in safe:
                seen += 1
                given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
                assert given.get(safe[name][0]) is safe[name][1], f"{path}:{call.lineno}"
    assert seen >= len(safe)


def test_a_shard_that_the_manifest_does_not_know_is_named(tmp_path):
    root = tmp_path / "grid" / "s1"
    root.mkdir(parents=True)
    (root / "bbaf2n.mpg").write_bytes(b"x")
    from dubber.corpus.settings import CorpusSettings
    from tests.helpers.manifests import refresh_manifest

    settings = CorpusSettings(reader="grid", roots=("grid",))
    refresh_manifest(tmp_path / "manifest.parquet", settings, tmp_path / "grid", data_root=str(tmp_path))
    assert [row["clip"] for row in load_shard(tmp_path / "manifest.parquet", "0000")] == ["s1_bbaf2n"]
    with pytest.raises(DubberError, match="no clips in shard '0001'"):
        load_shard(tmp_path / "manifest.parquet", "0001")
