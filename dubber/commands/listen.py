"""`dubber listen`: the listening test of an experiment (MOS of Tables 1 and 2)."""

from __future__ import annotations

import argparse
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dubber.listen.definition import ListeningTest
    from dubber.plan import Plan

log = logging.getLogger(__name__)

OPTIONS = ("samples", "seed", "systems")  # that a test is made from; one under way keeps its own
TABLES = ("table", "ablations", "nfe")


def add_parser(subparsers) -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "listen",
        help="serve a listening test: speaker similarity and naturalness, 1 to 5",
        description="Serve a listening test of an experiment's dubs on this machine. Every answer is kept at once in "
        "listening/<experiment>/; `snakemake results/<experiment>_mos.csv` makes the table of them.",
    )
    parser.add_argument("--experiment", required=True, help="an experiment whose test clips have been dubbed")
    parser.add_argument("--setting", choices=("1.0", "2.0"), help="where the reference voice is from (default: 2.0)")
    parser.add_argument("--samples", type=_positive, metavar="N", help="random test clips of each system (default: 30)")
    parser.add_argument("--seed", type=_natural, metavar="N", help="seed of clips and orders (default: 0)")
    parser.add_argument("--systems", nargs="+", metavar="SYSTEM", help="default: codec, full, and those of others")
    parser.add_argument(
        "--ground-truth",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether the recordings stand hidden among the systems (default: yes)",
    )
    parser.add_argument("--port", type=_natural, default=8765, help="0 for any free one (default: 8765)")
    parser.add_argument("--configfile", type=Path, action="append", default=[], help="as for snakemake")
    return parser


def run(args: argparse.Namespace) -> None:
    """Make the test, or go on with the one under way, and serve it until Ctrl-C or SIGTERM.

    Raises:
        DubberError: the workflow has not made what is to be heard, or a test with other options is under way.
    """
    from dubber.listen.definition import folder_of
    from dubber.listen.server import ListeningServer
    from dubber.listen.session import Session

    plan = _plan(args.configfile)
    experiment = plan.experiment(args.experiment)
    setting = args.setting or experiment.settings[-1]
    folder = folder_of(args.experiment, setting)
    test = _test(args, plan, setting, folder)
    with ListeningServer(Session(test, folder), args.port) as server:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        log.info("%s, setting %s: %s", args.experiment, setting, _contents(test))
        log.info("Answers are kept in %s: nothing that the workflow or `make clean` does touches them.", folder)
        log.info("Open %s and share it with nobody outside this machine. Ctrl-C ends the server.", server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info(
                "Stopped. The same command goes on. snakemake results/%s_mos.csv makes the table.", args.experiment
            )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _plan(configfiles: list[Path]) -> Plan:
    import yaml

    from dubber import config
    from dubber.errors import ConfigError
    from dubber.plan import Plan

    overrides = []
    for path in configfiles:
        try:
            overrides.append(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"A configuration file cannot be read: {error}", looked_at=path) from None
    return Plan(config.read(*overrides), main=False)


def _test(args: argparse.Namespace, plan: Plan, setting: str, folder: Path) -> ListeningTest:
    """The test in `folder`, made now if there is none."""
    from dubber.listen.definition import ListeningSettings, load_test, test_file
    from dubber.listen.make import make_test

    systems = _systems(args, plan)
    asked = {"samples": args.samples, "seed": args.seed, "systems": systems if args.systems else None}
    asked = {name: value for name, value in asked.items() if value is not None}
    if test_file(folder).exists():
        test = load_test(test_file(folder))
        _check_same(asked, test, folder)
        return test
    settings = ListeningSettings(experiment=args.experiment, setting=setting, **{**asked, "systems": systems})
    return make_test(settings, _sources(plan, args.experiment, setting, systems), folder)


def _systems(args: argparse.Namespace, plan: Plan) -> tuple[str, ...]:
    """What is heard, the recordings first."""
    from dubber.listen.definition import GROUND_TRUTH
    from dubber.plan import BASELINES, FULL

    others = (name for name in BASELINES if name != GROUND_TRUTH)
    named = args.systems or [*others, FULL, *plan.experiment(args.experiment).external]
    hidden = [GROUND_TRUTH] if args.ground_truth else []
    return tuple(dict.fromkeys([*hidden, *named]))


def _check_same(asked: dict[str, object], test: ListeningTest, folder: Path) -> None:
    from dubber.errors import DubberError

    made = test.settings.model_dump()
    odd = [f"{name} {made[name]}, asked for {value}" for name, value in asked.items() if made[name] != value]
    if odd:
        raise DubberError(
            f"A listening test with other options is under way: {'; '.join(odd)}.",
            looked_at=folder,
            hint="Leave the option out to go on with that test, or move its folder away to begin another.",
        )


def _sources(plan: Plan, name: str, setting: str, systems: tuple[str, ...]):
    """What the workflow has made of the experiment, as far as it is heard."""
    import json

    from dubber.listen.make import Sources

    tables = {system: _table_of(plan, name, system) for system in systems}
    target = " ".join(f"results/{name}_{table}.csv" for table in sorted(set(tables.values())))
    corpus = plan.experiment(name).corpus
    _require([plan.manifest_path(corpus).as_posix()], target)
    shards = plan.test_shards_of(name)
    dubs = {system: [plan.dubs_file(name, system, setting, shard) for shard in shards] for system in systems}
    references = sorted({path for s in shards for path in plan.reference_files(name, "audio", s, setting)})
    _require([path for paths in [*dubs.values(), references] for path in paths], target)
    runs = {system: Path(f"runs/{name}/{plan.run_of(system)}/summary.json") for system in systems}
    return Sources(
        rows=[row for shard in shards for row in plan.manifest(corpus).test_rows(shard)],
        dubs=dubs,
        references=references,
        fingerprints={s: json.loads(path.read_text())["fingerprint"] for s, path in runs.items() if path.exists()},
    )


def _table_of(plan: Plan, name: str, system: str) -> str:
    """The table that a system stands in: its target makes the system's speech.

    Raises:
        ConfigError: the experiment has no such system.
    """
    from dubber.errors import ConfigError
    from dubber.settings import unknown_key

    layouts = {table: plan.layout(name, table).systems for table in TABLES}
    for table, systems in layouts.items():
        if system in systems:
            return table
    known = list(dict.fromkeys(known for systems in layouts.values() for known in systems))
    raise ConfigError(f"The experiment '{name}' has no such system: {unknown_key(system, known)}")


def _require(paths: list[str], target: str) -> None:
    from dubber.errors import MissingDataError

    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise MissingDataError(
            "The workflow has not made yet what is to be heard.",
            looked_at=missing[0] + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            hint=f"This command makes it: snakemake --cores 2 {target}",
        )


def _contents(test: ListeningTest) -> str:
    clips = len({item.clip for item in test.items})
    return f"{clips} samples of {', '.join(system.system for system in test.systems)}"
