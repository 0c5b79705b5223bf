"""Every parser that we own, on any bytes: a value or one of our own errors, and nothing else.

The examples are the same in every run. Others, and more of them: FUZZ_EXAMPLES=1000 pytest tests/hostile
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from dubber import config
from dubber.align.mfa import read_alignment
from dubber.artifacts import read_rows, read_table, write_table
from dubber.assets import assets
from dubber.codec.world.codec import World
from dubber.corpus import grid
from dubber.corpus.chem import Chem
from dubber.corpus.clip import Clip, refuse_hostile
from dubber.corpus.manifest import load_manifest, load_shard
from dubber.corpus.settings import CorpusSettings
from dubber.corpus.split import read_test_list
from dubber.corpus.table import Table
from dubber.dub.bundle import read_manifest
from dubber.dub.cues import Cue, read_subtitles
from dubber.dub.jobs import COLUMNS, read_jobs, seconds
from dubber.errors import DubberError
from dubber.listening.answers import read_answers
from dubber.listening.definition import load_test
from dubber.media.audio import read_audio
from dubber.media.pca import FeatureTransform
from dubber.media.video import probe, read_frames
from dubber.model.settings import KEY, describe_model
from dubber.networks.dvector import PUBLISHED as DVECTOR
from dubber.networks.published_weights import _read as read_weights
from dubber.text.normalise import normalise
from dubber.text.phonemes import phonemise
from dubber.train.checkpoint import Checkpoints

MORE = os.environ.get("FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(MORE or 25),
    derandomize=MORE is None,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=8).map("\n".join)
ANYTHING = st.binary(max_size=300) | LINES.map(str.encode)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def accepts(parse: Callable, *arguments):
    """Run a parser to its end; our own errors are an answer too, if they say something."""
    try:
        found = parse(*arguments)
        return list(found) if hasattr(found, "__next__") else found
    except DubberError as error:
        assert error.what.strip()
        return None


STAMP = st.from_regex(r"[0-9]{1,9}:[0-9]{2}:[0-9]{2}[,.][0-9]{1,3}", fullmatch=True)
CUE_TIMES = st.tuples(STAMP, STAMP).map(" --> ".join)


@fuzz
@given(ANYTHING)
def test_alignments(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    accepts(read_alignment, tmp_path / "a.json")


@fuzz
@given(ANYTHING | st.lists(CUE_TIMES | st.text(max_size=20), max_size=6).map(lambda lines: "\n".join(lines).encode()))
@example(b"00:00:00,000 --> 99999999999999:00:00,000\nx")
@example(b"0:1:0,0-->1:0:0,0\n0:1:0,0-->1:0:0,0")
@example(b"[Script Info]\n[Events]\nFormat: Start, End, Text\nDialogue: 0,0,0,x\nDialogue: a,b\nDialogue:")
@example(b"[Script Info]\n[Events]\nDialogue: 0,9:99:99.99,99:00:00.00,x,,0,0,0,,{\\p1}m 0 0{\\p0}y{")
@example(b"WEBVTT\n\n0:1 --> 0:2\n[[((*{{<<JOHN:")
@example("1:2,1:3\n♪#[".encode("utf-16"))
def test_subtitles(tmp_path, data):
    (tmp_path / "a.srt").write_bytes(data)
    for cue in accepts(read_subtitles, tmp_path / "a.srt") or []:
        assert isinstance(cue, Cue)
        assert 0 <= cue.span.start < cue.span.end


@fuzz
@given(ANYTHING | st.from_regex(r"([0-9]{1,6} [0-9]{1,6} [a-z]{1,4}\n){0,5}", fullmatch=True).map(str.encode))
@example("1² 2 a".encode())
@example("٣ ٤ a".encode())
def test_word_alignments(tmp_path, data):
    (tmp_path / "a.align").write_bytes(data)
    for word in accepts(grid.read_words, tmp_path / "a.align") or []:
        assert 0 <= word.start <= word.end


@fuzz
@given(ANYTHING)
def test_lists_of_chem(tmp_path, data):
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.txt").write_bytes(data)
    accepts(Chem().find, tmp_path, {}, CorpusSettings(reader="chem", roots=("chem",)))


@fuzz
@given(ANYTHING | LINES.map(lambda lines: f"clip,speaker,text,video\n{lines}".encode()))
@example(b'clip,speaker,text,video\n"' + b"x" * 200_000)
@example(b"clip,speaker,text,video\na\x00,b,c,d")
@example(b"clip,speaker,text,video\na,b,c,d,e,f")
def test_tables_of_clips(tmp_path, data):
    (tmp_path / "clips.csv").write_bytes(data)
    accepts(Table().find, tmp_path, {}, CorpusSettings(reader="table", roots=("mine",)))


@fuzz
@given(ANYTHING | LINES.map(lambda lines: f"speaker,clip,split\n{lines}".encode()))
def test_lists_of_grid(tmp_path, data):
    (tmp_path / "clips.csv").write_bytes(data)
    accepts(grid.Grid._listed, tmp_path / "clips.csv")


@fuzz
@given(ANYTHING)
def test_lists_of_test_clips(tmp_path, data):
    (tmp_path / "test.txt").write_bytes(data)
    accepts(read_test_list, tmp_path / "test.txt", [Clip("s1_bbaf2n", "s1", "")])


@fuzz
@given(st.text(max_size=40))
def test_names_are_safe_or_refused(name):
    """What passes stays inside the folder and means nothing to a shell."""
    with contextlib.suppress(DubberError):
        refuse_hostile(Clip(name, name, "", video=f"{name}.mp4"), Path("corpus"))
        assert (Path("corpus") / f"{name}.mp4").resolve().is_relative_to(Path("corpus").resolve())
        assert not set(name) & set("\"'`$\\|&;<>*?!{}[]/\n\r\t\0")
        assert name
        assert not name.startswith("-")


@fuzz
@given(st.text(max_size=60))
def test_texts(text):
    assert normalise(normalise(text)) == normalise(text)
    accepts(phonemise, text)


@fuzz
@given(st.text(max_size=12) | st.from_regex(r"[0-9:.einfa-]{1,12}", fullmatch=True))
@example("nan")
@example("inf")
@example("1:-2")
def test_times_of_the_command_line(text):
    with contextlib.suppress(ValueError):
        assert 0 <= seconds(text) < float("inf")


@fuzz
@given(
    st.lists(
        st.lists(st.sampled_from([*COLUMNS, '"', "", "1:2", "a.mp4"]) | st.text(max_size=8), max_size=4), max_size=4
    )
)
@example([["video"], ["a.mp4", "b"]])
@example([['"video'], ["a.mp4"]])
@example([["video", "face"], ["a.mp4", "9" * 5000]])
def test_lists_of_jobs(tmp_path, lines):
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join(",".join(line) for line in lines), encoding="utf-8", errors="replace")
    accepts(read_jobs, path)


@fuzz
@given(JSON | st.dictionaries(st.sampled_from(["corpora", "experiments", "codecs", "data_root"]), JSON))
def test_configurations(raw):
    known = {name: yaml.safe_load((config.CONFIG_FOLDER / name).read_text()) for name in config.FILES}
    if isinstance(raw, dict):
        accepts(config.parse, config.merge(*known.values(), raw))
    accepts(config.parse, raw)


@fuzz
@given(JSON.map(json.dumps).map(str.encode) | ANYTHING)
@example(b"[" * 100_000)
def test_descriptions_in_json(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    accepts(load_test, tmp_path / "a.json")
    accepts(read_manifest, tmp_path / "a.json")
    accepts(read_answers, tmp_path / "a.json")


@fuzz
@given(JSON.map(json.dumps).map(str.encode) | ANYTHING)
@example(b'{"checksums": [], "state": {}}')
@example(b'{"checksums": {"../../x": 1}, "state": {}}')
def test_states_of_checkpoints(tmp_path, data):
    folder = tmp_path / "step-000000001"
    folder.mkdir(exist_ok=True)
    (folder / "state.json").write_bytes(data)
    found = Checkpoints(tmp_path, keep=2).latest()
    assert found is None or found.step == 1


@fuzz
@given(JSON.map(json.dumps) | st.text(max_size=40))
@example('{"model": {"width": 1}}')
def test_descriptions_of_models(tmp_path, text):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={KEY: text})
    accepts(describe_model, tmp_path / "model.safetensors")


@fuzz
@given(ANYTHING)
def test_weights(tmp_path, data):
    for name in ("a.safetensors", "a.pth"):
        (tmp_path / name).write_bytes(data)
        accepts(describe_model, tmp_path / name)
        accepts(read_weights, tmp_path / name, DVECTOR)
        accepts(World.load, tmp_path / name)
        accepts(FeatureTransform.load, tmp_path / name)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    columns = {"clip": ["a", "b"], "shard": ["0000", "0001"], "samples": [[1, 2], [3]]}
    write_table(path, pa.table(columns))
    return path.read_bytes()


@fuzz
@given(data=st.data())
def test_damaged_artifacts(tmp_path, parquet, data):
    """Cut short anywhere, or with bytes changed: rows, or our error."""
    damaged = bytearray(parquet[: data.draw(st.integers(0, len(parquet)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.parquet").write_bytes(damaged)
    accepts(read_table, tmp_path / "a.parquet")
    accepts(read_rows, tmp_path / "a.parquet")
    accepts(load_manifest, tmp_path / "a.parquet")
    accepts(load_shard, tmp_path / "a.parquet", "0000")


@fuzz
@given(ANYTHING)
def test_tables_of_downloads(tmp_path, data):
    (tmp_path / "assets.csv").write_bytes(data)
    accepts(assets, tmp_path / "assets.csv")


HEADERS = st.sampled_from(
    [b"", b"RIFF", b"\x00\x00\x01\xba", b"\x1aE\xdf\xa3", b"\x00\x00\x00\x18ftypmp42", b"ID3", b"fLaC"]
)


@fuzz
@given(st.builds(bytes.__add__, HEADERS, st.binary(max_size=400)))
def test_media(tmp_path, data):
    (tmp_path / "a.bin").write_bytes(data)
    accepts(probe, tmp_path / "a.bin")
    accepts(read_frames, tmp_path / "a.bin")
    sound = accepts(read_audio, tmp_path / "a.bin")
    assert sound is None or np.isfinite(sound.samples).all()
