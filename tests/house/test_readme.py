"""What the pages promise is there."""

from __future__ import annotations

import re

import yaml

from dubber import config
from tests.conftest import ROOT

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


def test_every_script_belongs_to_a_rule_of_the_same_name():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    for script in (ROOT / "workflow_scripts").glob("*.py"):
        assert re.search(rf"^rule {script.stem}:", rules, flags=re.MULTILINE), script.name
        assert f"workflow_scripts/{script.name}" in rules


def test_every_rule_says_what_it_does_and_leaves_a_log():
    for path in (ROOT / "rules").glob("*.smk"):
        for name, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), flags=re.DOTALL | re.MULTILINE
        ):
            assert body.lstrip().startswith('"""'), f"rule {name} has no docstring"
            for part in ("output:", "log:", "benchmark:", "threads:", "resources:", "shell:", "conda:"):
                assert part in body, f"rule {name} has no {part}"
            if name not in ("fetch", "manifest"):
                watches = "code=code(" in body or "identity=" in body  # which holds the code's digest
                assert watches, f"rule {name} does not watch its code"


def test_the_snakefile_and_the_common_file_stay_small():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
    assert len((ROOT / "rules/common.smk").read_text().splitlines()) <= 150
