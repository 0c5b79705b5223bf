"""`dubber listen` before it serves: options, what is missing, and the test that is under way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dubber import cli
from dubber.commands import listen
from dubber.commands.listening import find_or_make
from dubber.errors import ConfigError, DubberError, MissingDataError
from tests.helpers.running import small_test


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(*arguments: str):
    return cli.parser().parse_args(["listen", "--experiment", "demo", *arguments])


def test_without_dubs_the_target_that_makes_them_is_named(project):
    with pytest.raises(MissingDataError, match=r"snakemake --cores 2 results/demo_table\.csv"):
        find_or_make(options())
    with pytest.raises(MissingDataError, match=r"results/demo_ablations\.csv"):
        find_or_make(options("--systems", "no_ctc", "--no-ground-truth"))
    assert not (project / "work").exists() and not (project / "listening").exists(), "it makes nothing itself"


def test_unknown_names_are_corrected(project):
    with pytest.raises(ConfigError, match="did you mean 'full'"):
        find_or_make(options("--systems", "fulll"))
    with pytest.raises(ConfigError, match="no such experiment"):
        find_or_make(options("--experiment", "dem"))
    with pytest.raises(ConfigError, match="cannot be read"):
        find_or_make(options("--configfile", "nowhere.yaml"))


def test_the_test_under_way_goes_on_even_when_the_results_are_gone(project):
    test = small_test(project)
    assert find_or_make(options()).test == test
    assert find_or_make(options("--samples", "3", "--seed", "0", "--ground-truth")).test == test


@pytest.mark.parametrize("other", [["--samples", "30"], ["--seed", "1"], ["--systems", "full"], ["--no-ground-truth"]])
def test_the_test_under_way_is_not_changed(project, other):
    small_test(project)
    with pytest.raises(DubberError, match="with other options is under way"):
        find_or_make(options(*other))


def test_a_run_that_was_trained_anew_is_named(project, caplog):
    small_test(project)
    summary = project / "runs/demo/full/summary.json"
    summary.parent.mkdir(parents=True)
    summary.write_text('{"fingerprint": "another"}')
    find_or_make(options())
    assert "full has been trained again" in caplog.text
    caplog.clear()
    summary.write_text('{"fingerprint": "run of full"}')
    find_or_make(options())
    assert not caplog.text


@pytest.mark.parametrize("wrong", [["--samples", "0"], ["--seed", "x"], ["--port", "-1"], ["--protocol", "3.0"]])
def test_options_out_of_range(wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        options(*wrong)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_known_error_is_its_message_and_exit_code_1(project, monkeypatch, capsys):
    def fail(args):
        raise DubberError("It failed.", hint="Do something.")

    monkeypatch.setattr(listen, "run", fail)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["listen", "--experiment", "demo"])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "dubber: It failed.\n  hint: Do something.\n"


def test_help_imports_nothing_heavy():
    code = "import sys; from dubber.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "listening test" in out
    assert not {"numpy", "torch", "pyarrow", "pydantic", "yaml"} & set(out.split())
