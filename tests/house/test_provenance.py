"""The digest that decides what is run again: blind to prose, sharp on code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dubber import provenance
from tests.conftest import ROOT


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a small part of the project in which files may be changed."""
    shutil.copytree(ROOT / "dubber", tmp_path / "dubber", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "dubber")
    provenance._examine.cache_clear()
    yield tmp_path
    provenance._examine.cache_clear()


def write_script(folder: Path, text: str) -> Path:
    script = folder / "script.py"
    script.write_text(text)
    return script


def fresh_digest(script: Path) -> str:
    provenance._examine.cache_clear()
    return provenance.code_digest(script)


def test_comments_docstrings_and_descriptions_do_not_count(package):
    script = write_script(package, '"""One."""\nx = Field(default=1, description="a")\n\n\ndef f():\n    return x\n')
    before = fresh_digest(script)
    write_script(
        package,
        '"""Two."""\n# a comment\nx = Field(default=1, description="b")\n\n\ndef f():\n    """New."""\n    return x\n',
    )
    assert fresh_digest(script) == before


@pytest.mark.parametrize("change", ["x = 2\n\n\ndef f():\n    return x\n", "x = 1\n\n\ndef f():\n    return -x\n"])
def test_code_counts(package, change):
    script = write_script(package, "x = 1\n\n\ndef f():\n    return x\n")
    before = fresh_digest(script)
    write_script(package, change)
    assert fresh_digest(script) != before


def test_backends_that_are_imported_by_name_are_followed(package):
    script = write_script(package, 'X = {"world": "dubber.codec.world.codec:World"}\nY = "dubber.nothing:Else"\n')
    reached = provenance.closure(script)
    assert {"dubber/codec/world/codec.py", "dubber/codec/world/analysis.py"} <= reached.keys()
    product = provenance.closure(package / "dubber" / "dub" / "load.py")
    for backend in ("codec/facodec/decoder.py", "networks/lip_reading.py", "networks/fan.py"):
        assert f"dubber/{backend}" in product


def test_imports_are_followed_even_inside_functions(package):
    script = write_script(package, "def f():\n    from dubber.corpus import manifest\n    return manifest\n")
    before = fresh_digest(script)
    reached = provenance.closure(script)
    assert "dubber/corpus/manifest.py" in reached
    assert "dubber/artifacts.py" in reached, "what the module imports is reached as well"
    assert "dubber/model/denoiser.py" not in reached
    with (package / "dubber" / "artifacts.py").open("a") as module:
        module.write("\n\nCHANGED = True\n")
    assert fresh_digest(script) != before


def test_unreached_modules_do_not_count(package):
    script = write_script(package, "from dubber.flow import path\n")
    before = fresh_digest(script)
    with (package / "dubber" / "artifacts.py").open("a") as module:
        module.write("\n\nCHANGED = True\n")
    assert fresh_digest(script) == before


def test_a_named_template_counts(package):
    (package / "dubber" / "corpus" / "page.html.j2").write_text("old")
    (package / "dubber" / "corpus" / "page.py").write_text('TEMPLATE = "page.html.j2"\n')
    script = write_script(package, "from dubber.corpus import page\n")
    before = fresh_digest(script)
    (package / "dubber" / "corpus" / "page.html.j2").write_text("new")
    assert fresh_digest(script) != before


def test_digest_of_settings_ignores_key_order():
    assert provenance.digest({"a": 1, "b": [2]}) == provenance.digest({"b": [2], "a": 1})
    assert provenance.digest({"a": 1}) != provenance.digest({"a": 2})
