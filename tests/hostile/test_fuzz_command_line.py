"""Whatever is typed: done, one message, or the usage; never a traceback, and no file that was not asked for.

The examples are the same in every run. Others, and more of them: FUZZ_EXAMPLES=1000 pytest tests/hostile
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dubber.cli import main
from dubber.commands import dub
from dubber.dub.bundle import open_bundle
from dubber.dub.load import sampling_of

pytestmark = pytest.mark.usefixtures("one_thread")

MORE = os.environ.get("FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(MORE or 40),
    derandomize=MORE is None,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

ODD = st.sampled_from(
    ["", " ", "nan", "inf", "-inf", "-1", "0", "1", "1e308", "1e-308", "9" * 400, "9" * 5000, "½", "٣", "0x10"]
)
ANYTHING = ODD | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(
    ["out.mp4", "out.wav", "out.MKV", "a/b/c.mp4", ".", "..", "/", "/dev/null", "out.txt", "x" * 300 + ".mp4"]
)
VALUES = [
    "start",
    "end",
    "face",
    "seed",
    "nfe",
    "temperature",
    "drafts",
    "sampler",
    "precision",
    "device",
    "background",
    "picture",
]


def ended(arguments: list[str], capsys) -> int:
    """The exit code; whatever is said of a failure is said well."""
    capsys.readouterr()
    try:
        main(arguments)
        return 0
    except SystemExit as end:
        told = capsys.readouterr().err
        assert end.code in (0, 1, 2), told
        if end.code == 1:
            assert "dubber: " in told
        return int(end.code or 0)


@pytest.fixture
def desk(tiny_export, tiny_dubber, film, reference, tmp_path, monkeypatch) -> list[str]:
    """A command that would succeed; the model is loaded already, and its options are still checked."""

    def load(args):
        asked = {name: getattr(args, name) for name in dub.SAMPLING}
        sampling_of(open_bundle(tiny_export), {name: value for name, value in asked.items() if value is not None})
        return tiny_dubber

    monkeypatch.setattr(dub, "_load", load)
    monkeypatch.chdir(tmp_path)
    return ["dub", "--checkpoint", str(tiny_export), "--video", str(film), "--reference", str(reference), "--force"]


@fuzz
@given(name=st.sampled_from(VALUES), value=ANYTHING)
@example("end", "0.04")
@example("start", "nan:nan:nan")
@example("temperature", "nan")
@example("nfe", "99999999999999999999")
@example("drafts", "1000000000")
def test_any_value_of_any_option(desk, capsys, tmp_path, name, value):
    ended([*desk, "--text", "bin", "-o", "out.wav", f"--{name}={value}"], capsys)
    assert {path.name for path in tmp_path.iterdir()} <= {"out.wav"}


@settings(fuzz, max_examples=int(MORE or 10))
@given(ANYTHING)
@example("-")
@example("--")
@example("<b>bin</b>")
def test_any_text(desk, capsys, text):
    ended([*desk, f"--text={text}", "-o", "out.wav"], capsys)


@fuzz
@given(NAMES | ANYTHING, st.booleans(), st.booleans())
@example("out.wav", True, True)
def test_any_name_of_an_output(desk, capsys, name, keep, show):
    flags = [*(["--keep-wav"] if keep else []), *([f"--show-faces={name}"] if show else [])]
    before = set(Path("/").iterdir())
    ended([*desk, "--text", "bin", f"--output={name}", *flags], capsys)
    assert set(Path("/").iterdir()) == before


@fuzz
@given(name=st.sampled_from(["checkpoint", "video", "reference", "text-file", "subtitles"]), value=NAMES | ANYTHING)
def test_any_name_of_an_input(desk, capsys, name, value):
    if name in ("text-file", "subtitles"):
        assert ended([*desk, f"--{name}={value}", "-o", "out.wav"], capsys) in (1, 2)
    else:
        ended([*desk, "--text", "bin", "-o", "out.wav", f"--{name}={value}"], capsys)


@fuzz
@given(
    st.lists(
        st.sampled_from(["dub", "export", "info", "fetch", "listen", "--list", "--help", "-o", "--json", "--port"])
        | ANYTHING,
        max_size=4,
    )
)
def test_any_words(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dubber.commands.listen.run", lambda args: None)
    monkeypatch.setattr("dubber.fetch.fetch_all", lambda *args: [])
    ended(words, capsys)
