"""From the options of `dubber listen` to a test: the one under way, or a new one from what the workflow has made."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dubber import config
from dubber.errors import ConfigError, DubberError, MissingDataError
from dubber.listening.definition import GROUND_TRUTH, ListeningSettings, ListeningTest, file_of, folder_of, load_test
from dubber.listening.make import Sources, make_test
from dubber.listening.session import Session
from dubber.plan import BASELINES, FULL, Plan
from dubber.settings import unknown_key

log = logging.getLogger(__name__)

TABLES = ("table", "ablations", "nfe")  # whose targets make a system's speech


def find_or_make(args: argparse.Namespace) -> Session:
    """The test that the options name.

    Raises:
        ConfigError: there is no such experiment, protocol or system.
        MissingDataError: the workflow has not made what is to be heard.
        DubberError: a test with other options is under way.
    """
    plan = Plan(config.read(*map(_overrides, args.configfile)), main=False)
    settings = plan.experiment(args.experiment).protocols
    protocol = args.protocol or settings[-1]
    if protocol not in settings:
        raise ConfigError(f"'{args.experiment}' is not dubbed in protocol {protocol}.", looked_at=", ".join(settings))
    folder = folder_of(args.experiment, protocol)
    asked = _asked(args, plan)
    if not file_of(folder).exists():
        return Session(_new(args.experiment, protocol, asked, plan, folder), folder)
    test = load_test(file_of(folder))
    _check_same(asked, test, folder)
    _say_what_changed(test)
    return Session(test, folder)


def _overrides(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"A configuration file cannot be read: {error}", looked_at=path) from None


def _asked(args: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """The options that were given, by their names in `ListeningSettings`."""
    asked: dict[str, Any] = {"samples": args.samples, "seed": args.seed}
    if args.systems or args.ground_truth is not None:
        asked["systems"] = _systems(plan, args.experiment, args.systems, hidden=args.ground_truth is not False)
    return {name: value for name, value in asked.items() if value is not None}


def _systems(plan: Plan, name: str, named: Sequence[str] | None = None, *, hidden: bool = True) -> tuple[str, ...]:
    """What is heard, with the recordings first where they are `hidden` among the systems."""
    others = (system for system in BASELINES if system != GROUND_TRUTH)
    named = named or [*others, FULL, *plan.experiment(name).external]
    return tuple(dict.fromkeys([GROUND_TRUTH, *named] if hidden else named))


def _new(name: str, protocol: str, asked: dict[str, Any], plan: Plan, folder: Path) -> ListeningTest:
    settings = ListeningSettings(experiment=name, protocol=protocol, **{"systems": _systems(plan, name), **asked})
    return make_test(settings, _sources(plan, settings), folder)


def _check_same(asked: dict[str, Any], test: ListeningTest, folder: Path) -> None:
    made = test.settings.model_dump()
    odd = [f"{name} {made[name]}, asked for {value}" for name, value in asked.items() if made[name] != value]
    if odd:
        raise DubberError(
            f"A listening test with other options is under way: {'; '.join(odd)}.",
            looked_at=folder,
            hint="Leave the option out to continue that test, or move its folder away to begin another.",
        )


def _say_what_changed(test: ListeningTest) -> None:
    now = {system.system: _fingerprint(test.settings.experiment, system.system) for system in test.systems}
    changed = [system.system for system in test.systems if now[system.system] not in (None, system.fingerprint)]
    if changed:
        log.warning(
            "%s has been trained again since this test was made. The test still plays, and its table still names, what "
            "it was made from.",
            ", ".join(changed),
        )


def _fingerprint(name: str, run: str) -> str | None:
    """Of a training run; None for what was not trained here."""
    summary = Path(f"runs/{name}/{run}/summary.json")
    return json.loads(summary.read_text(encoding="utf-8"))["fingerprint"] if summary.exists() else None


def _sources(plan: Plan, settings: ListeningSettings) -> Sources:
    """What the workflow has made of the experiment, as far as it is heard."""
    name, protocol, corpus = settings.experiment, settings.protocol, plan.experiment(settings.experiment).corpus
    tables = {_table_of(plan, name, system) for system in settings.systems}
    target = " ".join(f"results/{name}_{table}.csv" for table in sorted(tables))
    _require([plan.manifest_path(corpus).as_posix()], target)
    shards = plan.test_shards_of(name)
    dubs = {system: [plan.dubs_file(name, system, protocol, shard) for shard in shards] for system in settings.systems}
    references = sorted({path for shard in shards for path in plan.reference_files(name, "audio", shard, protocol)})
    _require([path for paths in [*dubs.values(), references] for path in paths], target)
    runs = {system: plan.run_of(system) for system in settings.systems}
    fingerprints = {system: _fingerprint(name, run) for system, run in runs.items() if run}
    return Sources(
        rows=[row for shard in shards for row in plan.manifest(corpus).test_rows(shard)],
        dubs=dubs,
        references=references,
        fingerprints={system: found for system, found in fingerprints.items() if found},
    )


def _table_of(plan: Plan, name: str, system: str) -> str:
    """The table that lists a system."""
    layouts = {table: plan.layout(name, table).systems for table in TABLES}
    for table, systems in layouts.items():
        if system in systems:
            return table
    known = dict.fromkeys(known for systems in layouts.values() for known in systems)
    raise ConfigError(f"The experiment '{name}' has no such system: {unknown_key(system, list(known))}")


def _require(paths: list[str], target: str) -> None:
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise MissingDataError(
            "The workflow has not made yet what is to be heard.",
            looked_at=missing[0] + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            hint=f"This command makes it: snakemake --cores 2 {target}",
        )
