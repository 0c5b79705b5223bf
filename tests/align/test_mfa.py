from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from dubber.align.mfa import Utterance, read_alignment, write_corpus
from dubber.align.phones import Interval
from dubber.errors import ClipError


def test_the_corpus_folder_has_a_recording_and_a_transcript_per_clip(tmp_path):
    samples = np.arange(1600, dtype=np.int16)
    clips = [("s1/a b", "s 1", "Red, 2!"), ("s1/a_b", "s 1", "blue"), ("c", "s/1", "green"), ("d", "s 1", "...")]
    places = write_corpus([Utterance(clip, speaker, samples, text) for clip, speaker, text in clips], tmp_path)
    assert set(places) == {"s1/a b", "s1/a_b", "c"}
    assert len(set(places.values())) == 3 and all(len(place.parts) == 2 for place in places.values())
    assert places["s1/a b"].parent == places["s1/a_b"].parent != places["c"].parent
    with wave.open(str(tmp_path / places["c"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert np.array_equal(np.frombuffer(file.readframes(1600), "<i2"), samples)
    assert (tmp_path / places["s1/a b"]).with_suffix(".lab").read_text() == "red two"


def times(path: Path, *tiers: tuple[str, list[tuple[str, float]]]) -> Path:
    """MFA's JSON with tiers of labels and their ends."""
    written = {}
    for name, items in tiers:
        starts = [0.0, *(end for _, end in items)]
        entries = [[start, end, label] for start, (label, end) in zip(starts, items, strict=False)]
        written[name] = {"type": "interval", "entries": entries}
    path.write_text(json.dumps({"start": 0, "end": 1, "tiers": written}))
    return path


def test_silences_stress_and_unknown_words(tmp_path):
    phones = [("<eps>", 0.1), ("AH0", 0.2), ("spn", 0.5), ("sp", 0.6), ("ZH", 0.9), ("", 1.0)]
    words = [("", 0.1), ("a", 0.2), ("<unk>", 0.5), ("<eps>", 0.6), ("zh", 0.9), ("sil", 1.0)]
    found = read_alignment(times(tmp_path / "a.json", ("s1 - words", words), ("s1 - phones", phones)))
    assert [phone.label for phone in found.phones] == ["sil", "AH", "spn", "sil", "ZH", "sil"]
    assert found.phones[1] == Interval("AH", 0.1, 0.2)
    assert [word.label for word in found.words] == ["a", "<unk>", "zh"]


@pytest.mark.parametrize(
    ("tiers", "reason"),
    [
        ([("words", [("a", 1.0)])], "lacks the tier `phones`"),
        ([("words", [("a", 1.0)]), ("phones", [("aj", 1.0)])], "'aj' is not ARPAbet"),
    ],
)
def test_an_alignment_of_another_kind_is_a_failed_clip(tmp_path, tiers, reason):
    with pytest.raises(ClipError, match=reason):
        read_alignment(times(tmp_path / "a.json", *tiers))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"tiers": {"phones": {"entries": [[0, 1]]}}}',
        '{"tiers": {"phones": {"entries": [[0, NaN, "a"]]}}}',
    ],
)
def test_a_damaged_file_is_a_failed_clip(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ClipError, match="malformed"):
        read_alignment(path)


def test_a_missing_file_is_a_failed_clip(tmp_path):
    with pytest.raises(ClipError, match="could not align"):
        read_alignment(tmp_path / "a.json")
