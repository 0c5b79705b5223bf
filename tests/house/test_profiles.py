"""What rules ask for, what profiles say about it, and that docs/guide/cluster.md tells both."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.conftest import ROOT

PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))
PAGE = (ROOT / "docs/guide/cluster.md").read_text()
GROWING = r"=lambda w, attempt: (?:(\d+)|.*) \* attempt,"


def rules() -> dict[str, str]:
    """Rule -> its body, of those that may run on a cluster's nodes."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    found = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, flags=re.DOTALL | re.MULTILINE))
    return {name: body for name, body in found.items() if "localrule: True" not in body}


RULES = rules()


@pytest.mark.parametrize("rule", RULES)
def test_memory_and_time_grow_with_the_attempt(rule):
    assert re.search("mem_mb" + GROWING, RULES[rule]), "a job that ran out of memory needs more of it"
    resumed = "retries: 2" in RULES[rule]  # training goes on where it was, and does not need more time than before
    assert resumed or re.search("runtime" + GROWING, RULES[rule])


def test_the_page_says_what_each_rule_asks_for():
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (\w+) \|", PAGE, flags=re.MULTILINE)
    assert {name for name, *_ in rows} == set(RULES)
    for name, threads, memory, minutes, gpus in rows:
        body = RULES[name]
        written = re.search(r"threads: (\w+)", body)[1].replace("all_cores", "all")
        assert (name, threads) == (name, written)
        assert f"mem_mb=lambda w, attempt: {memory} * attempt" in body or "PLAN.scoring_memory" in body, name
        assert re.search(rf"runtime=(lambda w, attempt: )?{minutes}\b", body), name
        asked = re.search(r"gpu=(\d+)?", body)
        assert gpus == ("0" if asked is None else asked[1] or "processes"), name


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_says_why_for_each_line_and_names_only_rules_that_are_there(path):
    profile = yaml.safe_load(path.read_text())
    for key in ("set-threads", "set-resources"):
        assert set(profile.get(key, {})) <= set(RULES)
    paragraphs = path.read_text().split("\n\n")
    for key in set(profile) - {"executor"}:
        paragraph = next(text for text in paragraphs if re.search(rf"^{key}:", text, flags=re.MULTILINE))
        assert "#" in paragraph, f"{path}: why {key}?"


def test_only_what_is_right_everywhere_stands_in_the_profile_that_is_always_read():
    """It has the last word, also beside a cluster's; a GPU limit in it would cut what a cluster is asked for."""
    profile = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text())
    assert not set(profile) & {"resources", "executor", "jobs", "cores", "default-resources", "set-threads", "retries"}
    for path in PROFILES:
        if path.parent.name != "default":
            assert not set(profile) & set(yaml.safe_load(path.read_text())), "a key that would be passed over"


def test_a_lost_pin_is_noticed():
    """The plugins are pinned twice, in the extras and for `make venv`."""
    extras = (ROOT / "pyproject.toml").read_text()
    pins = re.findall(r'"(snakemake-(?:executor|storage)-plugin-[\w-]+==[\d.]+)"', extras)
    assert len(pins) == 3
    assert set(pins) <= set((ROOT / "constraints.txt").read_text().splitlines())
