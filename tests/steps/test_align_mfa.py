"""Rule `align_mfa`: a shard is one call of the command, here of a stand-in."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dubber.align.settings import AlignSettings, MfaSettings
from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.errors import DubberError, MissingDataError
from dubber.steps.align_mfa import align_mfa
from tests.helpers.shards import counts, shard_of

# A stand-in for the real command: checks what it is given and writes JSON per .lab as `mfa align` does.
FAKE = """#!{python}
import json, sys, wave
from pathlib import Path

command, corpus, dictionary, acoustic, output, *options = sys.argv[1:]
assert command == "align" and (dictionary, acoustic) == ("english_us_arpa", "english_us_arpa")
assert options[options.index("--output_format") + 1] == "json"
assert "--no_textgrid_cleanup" in options and options[options.index("--num_jobs") + 1] == "3"
if Path(corpus, "00000_broken").exists():
    sys.exit(7)
for lab in Path(corpus).glob("*/*.lab"):
    words = lab.read_text().split()
    if "unalignable" in words:
        continue
    with wave.open(str(lab.with_suffix(".wav"))) as file:
        end = file.getnframes() / file.getframerate()
    said = [(0, 0.2, ""), (0.2, 0.5, words[0]), (0.5, end, "")]
    phones = [(0, 0.2, "sil"), (0.2, 0.3, "R"), (0.3, 0.4, "EH1"), (0.4, 0.5, "D"), (0.5, end, "")]
    tiers = {{name: {{"type": "interval", "entries": items}} for name, items in (("words", said), ("phones", phones))}}
    target = Path(output, lab.relative_to(corpus)).with_suffix(".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({{"start": 0, "end": end, "tiers": tiers}}))
"""


@pytest.fixture
def fake(tmp_path) -> AlignSettings:
    command = tmp_path / "mfa"
    command.write_text(FAKE.format(python=sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return AlignSettings(backend="mfa", mfa=MfaSettings(command=str(command), jobs=3))


def write_audio(path: Path, clips: dict[str, int]) -> Path:
    schema = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16()))])
    write_rows(path, [{"clip": clip, "samples": [1] * n} for clip, n in clips.items()], schema)
    return path


def row(clip: str, text: str, speaker: str = "s1") -> dict[str, str]:
    return {"clip": clip, "text": text, "speaker": speaker}


def test_a_shard_is_aligned_with_one_call(tmp_path, fake):
    audio = write_audio(tmp_path / "audio.parquet", {"good": 16000, "bad": 16000, "wordless": 16000, "empty": 0})
    rows = [row("good", "Red."), row("bad", "unalignable"), row("wordless", "?"), row("empty", "red"), row("gone", "x")]
    output = tmp_path / "phones.parquet"
    align_mfa(shard_of(rows, output, 0.9), audio, fake, threads=3)
    assert counts(output) == (1, 3)
    (good,) = read_rows(output)
    assert good["phones"] == ["sil", "R", "EH", "D", "sil"]
    assert good["phone_end"].tolist() == pytest.approx([0.2, 0.3, 0.4, 0.5, 1.0])
    assert good["words"] == ["red"] and good["word_start"].tolist() == pytest.approx([0.2])
    reasons = {row["clip"]: row["reason"] for row in read_rows(failures_path(output))}
    assert set(reasons) == {"bad", "wordless", "empty"}
    assert "could not align" in reasons["bad"] and "no word" in reasons["wordless"]


def test_a_missing_command_says_how_to_get_it(tmp_path):
    audio = write_audio(tmp_path / "audio.parquet", {"a": 16000})
    settings = AlignSettings(backend="mfa", mfa=MfaSettings(command="no-such-mfa"))
    with pytest.raises(MissingDataError, match=r"envs/mfa.yaml.*--software-deployment-method conda"):
        align_mfa(shard_of([row("a", "red")], tmp_path / "out.parquet", 0.5), audio, settings, threads=3)


def test_a_failing_command_names_the_models(tmp_path, fake):
    audio = write_audio(tmp_path / "audio.parquet", {"a": 16000})
    with pytest.raises(DubberError, match="exit code 7") as error:
        align_mfa(shard_of([row("a", "red", "broken")], tmp_path / "out.parquet", 0.5), audio, fake, threads=3)
    assert "mfa model download acoustic english_us_arpa" in str(error.value)
    assert not (tmp_path / "out.parquet").exists()
