"""What the pages promise is there."""

from __future__ import annotations

import re

import yaml

from dubber import config
from dubber.runner import parameters
from tests.conftest import ROOT
from tests.helpers.workflow import rules

README = (ROOT / "README.md").read_text()


def test_the_configurations_in_the_readme_are_valid():
    corpus, system = (config.read(yaml.safe_load(b)) for b in re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL))
    assert "mine" in corpus.experiments
    assert "theirs" in system.experiments["demo"].external


def test_the_readme_names_every_experiment_and_no_other():
    table = README.split("| experiment | corpus |")[1].split("```")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    assert named == set(config.read().experiments)


def test_every_link_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "config/README.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_rule_script_and_step_have_one_name():
    scripts = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    called = {
        name: re.search(r"workflow_scripts/(\w+)\.py", rule.shellcmd)[1]
        for name, rule in rules().items()
        if rule.shellcmd
    }
    assert {script for name, script in called.items() if name == script} == scripts
    for script in scripts:
        assert (ROOT / "dubber" / "steps" / f"{script}.py").exists(), script


def test_a_rule_passes_all_that_its_step_takes():
    for name, rule in rules().items():
        if not rule.shellcmd:
            continue
        step = re.search(r"workflow_scripts/(\w+)\.py", rule.shellcmd)[1]
        known = {"input": rule.input, "output": rule.output, "params": rule.params}
        for argument, source in parameters(step).items():
            if source in known:
                assert argument in {*known[source].keys()}, f"rule {name} has no {source} {argument}"
            elif source == "wildcards":
                assert argument in rule.wildcard_names, f"rule {name} has no wildcard {argument}"


def test_every_rule_says_what_it_does_and_leaves_a_log():
    for name, rule in rules().items():
        if not rule.shellcmd:
            continue
        assert rule.docstring, f"rule {name} has no docstring"
        for part in ("output", "log", "benchmark"):
            assert getattr(rule, part), f"rule {name} has no {part}"
        if name not in ("fetch", "manifest"):
            watches = set(rule.params.keys()) & {"code", "identity"}  # which holds the code's digest
            assert watches, f"rule {name} does not watch its code"


def test_the_snakefile_stays_small():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
    assert sum(len(path.read_text().splitlines()) for path in (ROOT / "rules").glob("*.smk")) < 900
