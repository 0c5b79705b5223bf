"""From the options of `dubber listen` to a test: the one under way, or a new one from what the workflow has made."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubber import config
from dubber.corpus.corpora import WORK, Corpora
from dubber.corpus.manifest import load_manifest
from dubber.errors import ConfigError, DubberError, MissingDataError
from dubber.experiment import BASELINES, FULL, Experiment, Protocol, dubs_folder, run_of
from dubber.listening.definition import GROUND_TRUTH, ListeningSettings, ListeningTest, file_of, folder_of, load_test
from dubber.listening.make import Sources, make_test
from dubber.listening.session import Session
from dubber.settings import unknown_key

log = logging.getLogger(__name__)

TABLES = ("table", "ablations", "nfe")  # whose targets make a system's speech


@dataclass(frozen=True)
class Heard:
    """The experiment that is heard, in one protocol.

    Attributes:
        name: of the experiment.
        settings: of the experiment.
        protocol: where the reference voice comes from.
    """

    name: str
    settings: Experiment
    protocol: Protocol

    def systems(self, named: Sequence[str] | None = None, *, hidden: bool = True) -> tuple[str, ...]:
        """What is heard, with the recordings first where they are `hidden` among the systems."""
        others = (system for system in BASELINES if system != GROUND_TRUTH)
        named = named or [*others, FULL, *self.settings.external]
        return tuple(dict.fromkeys([GROUND_TRUTH, *named] if hidden else named))

    def table_of(self, system: str) -> str:
        """The table with a system's row.

        Raises:
            ConfigError: no table has it.
        """
        layouts = {table: self.settings.layout(table).systems for table in TABLES}
        for table, systems in layouts.items():
            if system in systems:
                return table
        known = dict.fromkeys(known for systems in layouts.values() for known in systems)
        raise ConfigError(f"The experiment '{self.name}' has no such system: {unknown_key(system, list(known))}")


def find_or_make(args: argparse.Namespace) -> Session:
    """The test that the options name.

    Raises:
        ConfigError: there is no such experiment, protocol or system.
        MissingDataError: the workflow has not made what is to be heard.
        DubberError: a test with other options is under way.
    """
    settings = config.read_files(*args.configfile).experiment(args.experiment)
    heard = Heard(args.experiment, settings, args.protocol or settings.protocols[-1])
    if heard.protocol not in settings.protocols:
        raise ConfigError(
            f"'{heard.name}' is not dubbed in protocol {heard.protocol}.", looked_at=", ".join(settings.protocols)
        )
    folder = folder_of(heard.name, heard.protocol)
    asked = _asked(args, heard)
    if not file_of(folder).exists():
        return Session(_new(heard, asked, folder), folder)
    test = load_test(file_of(folder))
    _check_same(asked, test, folder)
    _say_what_changed(test)
    return Session(test, folder)


def _asked(args: argparse.Namespace, heard: Heard) -> dict[str, Any]:
    """The options that were given, by their names in `ListeningSettings`."""
    asked: dict[str, Any] = {"samples": args.samples, "seed": args.seed}
    if args.systems or args.ground_truth is not None:
        asked["systems"] = heard.systems(args.systems, hidden=args.ground_truth is not False)
    return {name: value for name, value in asked.items() if value is not None}


def _new(heard: Heard, asked: dict[str, Any], folder: Path) -> ListeningTest:
    plain = {"experiment": heard.name, "protocol": heard.protocol, "systems": heard.systems(), **asked}
    settings = ListeningSettings.model_validate(plain)
    return make_test(settings, _sources(heard, settings.systems), folder)


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


def _sources(heard: Heard, systems: Sequence[str]) -> Sources:
    """What the workflow has made of the experiment, as far as it is heard."""
    corpus, target = heard.settings.corpus, _target(heard, systems)
    _require([Corpora.path(corpus)], target)
    manifest = load_manifest(Corpora.path(corpus))
    shards = manifest.test_shards
    dubs = {
        system: [Path(dubs_folder(heard.name, system, heard.protocol)) / f"{shard}.parquet" for shard in shards]
        for system in systems
    }
    held = sorted({other for shard in shards for other in manifest.reference_shards(shard, heard.protocol)})
    references = [WORK / corpus / "audio" / f"{shard}.parquet" for shard in held]
    _require([path for paths in [*dubs.values(), references] for path in paths], target)
    runs = {system: run_of(system) for system in systems}
    fingerprints = {system: _fingerprint(heard.name, run) for system, run in runs.items() if run}
    return Sources(
        rows=manifest.every_test(),
        dubs=dubs,
        references=references,
        fingerprints={system: found for system, found in fingerprints.items() if found},
    )


def _target(heard: Heard, systems: Sequence[str]) -> str:
    """The tables whose making makes the speech of the systems."""
    return " ".join(sorted({f"results/{heard.name}_{heard.table_of(system)}.csv" for system in systems}))


def _require(paths: Sequence[Path], target: str) -> None:
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise MissingDataError(
            "The workflow has not made yet what is to be heard.",
            looked_at=f"{missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            hint=f"This command makes it: snakemake --cores 2 {target}",
        )
