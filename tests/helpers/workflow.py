"""The project's workflow as Snakemake parses it: what tests ask about rules, instead of reading their text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


@cache
def parsed(overrides: str = "{}") -> Any:
    """The parsed workflow under a configuration that `overrides` (JSON) changes; nothing is planned or run."""
    import contextlib
    import os

    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    before = Path.cwd()
    os.chdir(ROOT)
    try:
        with contextlib.ExitStack() as stack:
            api = stack.enter_context(SnakemakeApi(OutputSettings(quiet={Quietness.ALL})))
            return api.workflow(
                ResourceSettings(cores=2),
                config_settings=ConfigSettings(config=json.loads(overrides)),
                snakefile=ROOT / "Snakefile",
                workdir=ROOT,
            )._workflow
    finally:
        os.chdir(before)


def asks(question: str, overrides: dict[str, Any] | None = None, **wildcards: str) -> Any:
    """What a function of the rules answers for some wildcards."""
    from snakemake.iocontainers import Wildcards

    function = parsed(json.dumps(overrides or {})).globals[question]
    return function(Wildcards(fromdict=wildcards))


def rules() -> dict[str, Any]:
    """Name -> rule."""
    return {rule.name: rule for rule in parsed().rules}


def on_nodes() -> dict[str, Any]:
    """The rules that may run on a cluster's nodes."""
    local = set(parsed()._localrules)
    return {name: rule for name, rule in rules().items() if name not in local and rule.shellcmd}


def resource(rule: Any, name: str, attempt: int = 1) -> Any:
    """What a rule asks for at an attempt: a number, "a function" where that needs an experiment, None for nothing."""
    found = rule.resources.get(name)
    if found is None or not found.is_evaluable():
        return None if found is None else found.value
    try:
        return found._evaluator(None, attempt)
    except (TypeError, AttributeError):
        return "a function"
