"""`dubber` as people type it: its commands, its version, how fast it answers, and how it ends."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

import dubber
from dubber import cli
from dubber.cli import COMMANDS, main
from dubber.devices import choose_device
from dubber.errors import ConfigError
from tests.conftest import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dubber", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)


def test_alone_it_lists_its_commands(capsys):
    main([])
    told = capsys.readouterr().out
    assert all(f"\n    {name}" in told for name in COMMANDS)


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"dubber {dubber.__version__}\n"


@pytest.mark.parametrize("arguments", [["none"], ["dub"], ["dub", "--seed", "x"], ["info"], ["--none"]])
def test_options_that_do_not_exist_end_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: dubber" in capsys.readouterr().err


def seconds(*arguments: str) -> float:
    """Processor time of a Python process: what it takes on an idle machine, however busy this one is."""

    def used() -> float:
        found = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found.ru_utime + found.ru_stime

    before = used()
    subprocess.run([sys.executable, *arguments], capture_output=True, env=ENVIRONMENT, timeout=60)
    return used() - before


def test_help_answers_at_once():
    """What our modules add to the start of Python itself."""
    bare = min(seconds("-c", "pass") for _ in range(3))
    assert min(seconds("-m", "dubber", "--help") for _ in range(3)) - bare < 0.1


def test_help_loads_nothing_heavy():
    code = "import sys; from dubber import cli; cli.parser().format_help(); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert not {"numpy", "torch", "av", "pydantic", "pyarrow", "cv2", "yaml"} & set(told.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_are_told_what_to_complete(shell, capsys):
    main(["completion", shell])
    told = capsys.readouterr().out
    assert all(name in told for name in (*COMMANDS, "background", "silence"))


def test_bash_completes_commands_and_options(tmp_path):
    (tmp_path / "a").write_text(run("completion", "bash").stdout)
    lines = 'COMP_WORDS=(dubber {words}); COMP_CWORD={at}; _shtab_dubber; echo "${{COMPREPLY[@]}}"'
    typed = (("in", 1, "info"), ("dub --back", 2, "--background"), ("dub --background k", 3, "keep"))
    for words, at, expected in typed:
        code = f"source {tmp_path / 'a'}; {lines.format(words=words, at=at)}"
        told = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
        assert told.stdout.split() == [expected]


@pytest.mark.parametrize("name", ["models/grid_mini", "nowhere"])
def test_info_answers_within_a_second_and_loads_no_network(name):
    code = "import sys, dubber.cli\ntry:\n    dubber.cli.main(['info', sys.argv[1]])\nfinally:\n    print(*sys.modules)"
    command = [sys.executable, "-c", code, str(ROOT / name)]
    told = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert not {"torch", "av", "cv2", "scipy"} & set(told.stdout.splitlines()[-1].split())
    assert min(seconds("-m", "dubber", "info", str(ROOT / name)) for _ in range(2)) < 1.0


@pytest.mark.parametrize(("error", "code", "words"), [
    (PermissionError(13, "Permission denied", "a.txt"), 1, "Permission denied.\n  looked at: a.txt"),
    (MemoryError(), 1, "memory of this machine is full"),
    (KeyboardInterrupt(), 130, "stopped"),
])  # fmt: skip
def test_what_the_machine_refuses_is_one_message(monkeypatch, capsys, error, code, words):
    def fail(args):
        raise error

    monkeypatch.setattr("dubber.commands.info.run", fail)
    with pytest.raises(SystemExit) as ended:
        main(["info", "x"])
    assert ended.value.code == code and words in capsys.readouterr().err


def test_who_reads_the_output_may_go():
    command = f"{sys.executable} -m dubber info {ROOT / 'models' / 'grid_mini'} | head -1"
    told = subprocess.run(command, shell=True, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert told.stdout.count("\n") == 1 and "Traceback" not in told.stderr and "Exception" not in told.stderr


def test_an_unknown_level_of_the_log_is_the_usual_one(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DUBBER_LOG", "loud")
    with pytest.raises(SystemExit) as ended:
        main(["info", str(tmp_path / "none")])
    assert ended.value.code == 1 and "There is no model." in capsys.readouterr().err
    assert "INFO" in cli.LEVELS


@pytest.mark.parametrize("name", ["banana", "meta", "hpu", "privateuseone", "cuda:99", "cpu:-1", "", "vulkan"])
def test_a_device_that_is_not_there_is_said(name):
    with pytest.raises(ConfigError, match="cannot be used"):
        choose_device(name)
