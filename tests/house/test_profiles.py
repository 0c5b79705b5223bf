"""What rules ask for, what profiles say about it, and that docs/guide/cluster.md tells both."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.conftest import ROOT
from tests.helpers.workflow import on_nodes, resource

PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))
PAGE = (ROOT / "docs/guide/cluster.md").read_text()
RULES = on_nodes()


@pytest.mark.parametrize("rule", RULES)
def test_memory_and_time_grow_with_the_attempt(rule):
    for name in ("mem_mb", "runtime"):
        first, second = (resource(RULES[rule], name, attempt) for attempt in (1, 2))
        resumed = name == "runtime" and rule in ("stage1", "stage2")
        assert resumed or first == "a function" or second == 2 * first, f"{rule} asks for no more {name} in a retry"


def test_the_page_says_what_each_rule_asks_for():
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (\w+) \|", PAGE, flags=re.MULTILINE)
    assert {name for name, *_ in rows} == set(RULES)
    for name, threads, memory, minutes, gpus in rows:
        rule = RULES[name]
        cores = resource(rule, "_cores")
        assert (name, threads) == (name, str(cores) if isinstance(cores, int) else "all")
        assert resource(rule, "mem_mb") in (int(memory), "a function"), name
        assert resource(rule, "runtime") == int(minutes), name
        asked = resource(rule, "gpu")
        assert gpus == {None: "0", "a function": "processes"}.get(asked, str(asked)), name


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
