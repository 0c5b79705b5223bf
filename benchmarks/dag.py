"""What planning costs as corpora grow: time, memory, jobs, files; and the bytes that a clip leaves behind.

    python benchmarks/dag.py --grid 3300 33000 --libritts 35000 350000 1000000 --artifacts .

Simulates corpus folders (every name is there, every file is a link to one of a few, nothing can be decoded), plans
`results/grid_table.csv` on them by `snakemake --dry-run` in a process of its own, writes the manifests as the start of
a run does, and plans again. A first corpus grows alone while the other stays at its smallest; `--shards` plans one size
again with smaller shards, which tells what a job costs. `--artifacts` names a folder in which the workflow has run: its
files are weighed by step. docs/notebook/scale.md says what came of it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dubber import config  # noqa: E402
from dubber.corpus.corpora import Corpora  # noqa: E402
from dubber.corpus.grid import every_sentence  # noqa: E402

PROJECT = ("Snakefile", "rules", "workflow_scripts", "dubber", "config", "envs")
TARGET = "results/grid_table.csv"
SPEAKERS = 33
LINKS = 30_000  # of one file; ext4 allows 65,000
UTTERANCE_BYTES = 44 + 5 * 2 * 24_000  # five seconds
CHAPTER = 100  # utterances
TEXT = b"as many words as a short utterance has"


@dataclass(frozen=True)
class Cost:
    """One process and what it took."""

    seconds: float
    cpu_seconds: float
    mb: float
    output: str


@dataclass(frozen=True)
class Planned:
    """One plan of both corpora.

    Attributes:
        listing: seconds of the dry run that sees the corpora for the first time.
        seconds, cpu_seconds, mb: of the dry run that finds them unchanged.
        manifest_mb: size of the manifests on disk.
    """

    grid: int
    libritts: int
    shard: int
    listing: float
    seconds: float
    cpu_seconds: float
    mb: float
    jobs: int
    files: int
    manifest_mb: float


def grid_names(clips: int) -> Iterator[tuple[str, str]]:
    """Speakers and clips of `clips` sentences, of `SPEAKERS` speakers, or more where these have said all."""
    names = every_sentence()
    each = min(math.ceil(clips / SPEAKERS), len(names))
    pairs = ((f"s{speaker}", name) for speaker in itertools.count(1) for name in names[:each])
    return itertools.islice(pairs, clips)


def libritts_names(clips: int) -> Iterator[str]:
    """`<subset>/<speaker>/<chapter>/<utterance>` without a suffix; a hundred chapters a speaker."""
    for i in range(clips):
        chapter, utterance = divmod(i, CHAPTER)
        speaker = 100 + chapter // 100
        yield f"train-clean-360/{speaker}/{chapter}/{speaker}_{chapter}_{utterance:06d}_000000"


class Links:
    """Names for one content, by hard links to as few files as may be."""

    def __init__(self, store: Path, content: bytes, size: int) -> None:
        self.store, self.content, self.size, self.made = store, content, size, 0

    def put(self, path: str) -> None:
        source = f"{self.store}-{self.made // LINKS}"
        if self.made % LINKS == 0:
            with Path(source).open("wb") as file:
                file.write(self.content)
                file.truncate(self.size)
        os.link(source, path)
        self.made += 1


def simulate(data: Path, grid: int, libritts: int) -> None:
    """The folders data/grid and data/libritts, of so many clips."""
    store = data / "store"
    store.mkdir(parents=True)
    video, words = Links(store / "video", b"", 400_000), Links(store / "words", b"0 1 sil\n", 8)
    sound, text = Links(store / "sound", b"", UTTERANCE_BYTES), Links(store / "text", TEXT, len(TEXT))
    known: set[str] = set()

    def folder(path: str) -> str:
        if path not in known:
            Path(path).mkdir(parents=True)
            known.add(path)
        return path

    for speaker, clip in grid_names(grid):
        video.put(f"{folder(f'{data}/grid/{speaker}')}/{clip}.mpg")
        words.put(f"{folder(f'{data}/grid/{speaker}/align')}/{clip}.align")
    for name in libritts_names(libritts):
        stem = f"{folder(f'{data}/libritts/' + name.rpartition('/')[0])}/{name.rpartition('/')[2]}"
        sound.put(f"{stem}.wav")
        text.put(f"{stem}.normalized.txt")


def run(project: Path, *arguments: str) -> Cost:
    """`snakemake ARGUMENTS` in a project.

    Raises:
        SystemExit: it failed; its last lines say why.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "scale.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        log.seek(0)
        output = log.read()
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("\n".join(output.splitlines()[-20:]))
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def count_jobs(output: str) -> int:
    """The total of a dry run's table of jobs."""
    return int(re.findall(r"^total\s+(\d+)", output, re.MULTILINE)[-1])


def count_files(output: str) -> int:
    """All that the jobs of a dry run say they would write."""
    return sum(len(line.split(", ")) for line in re.findall(r"^ +output: (.*)$", output, re.MULTILINE))


def save_manifests(project: Path) -> list[Path]:
    """The manifests of both corpora, written."""
    with contextlib.chdir(project):
        settings = config.read_files(Path("scale.yaml"))
        corpora = Corpora(settings.corpora, settings.data_root)
        for corpus in ("grid", "libritts"):
            corpora.manifest(corpus)
        corpora.save()
    return [project / corpora.path(corpus) for corpus in ("grid", "libritts")]


def plan(grid: int, libritts: int, shard: int | None) -> Planned:
    """Simulate, list and plan; the folder is removed afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch)
        for name in PROJECT:
            (project / name).symlink_to(ROOT / name)
        corpora = {name: {"shard_size": shard} for name in ("grid", "libritts")} if shard else {}
        (project / "scale.yaml").write_text(yaml.safe_dump({"data_root": "data", "corpora": corpora}))
        simulate(project / "data", grid, libritts)
        first = run(project, "--dry-run", TARGET)
        manifests = save_manifests(project)
        dry = run(project, "--dry-run", TARGET)
        return Planned(
            grid=grid,
            libritts=libritts,
            shard=shard or 0,
            listing=first.seconds,
            seconds=dry.seconds,
            cpu_seconds=dry.cpu_seconds,
            mb=dry.mb,
            jobs=count_jobs(dry.output),
            files=count_files(dry.output),
            manifest_mb=sum(path.stat().st_size for path in manifests) / 1e6,
        )


def growth(clips: Sequence[float], values: Sequence[float]) -> float:
    """The exponent of the last doubling: log(v_n / v_{n-1}) / log(clips_n / clips_{n-1})."""
    return math.log(values[-1] / values[-2]) / math.log(clips[-1] / clips[-2])


def line(clips: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Intercept and slope through the last two sizes: what is fixed, and what a clip costs."""
    slope = (values[-1] - values[-2]) / (clips[-1] - clips[-2])
    return values[-1] - slope * clips[-1], slope


def weigh(folder: Path) -> pd.DataFrame:
    """Bytes and files per clip of every step of every corpus under `folder`/work, and of the dubs under results."""
    rows = []
    for manifest in sorted(folder.glob("work/*/manifest.parquet")):
        clips, corpus = pq.read_metadata(manifest).num_rows, manifest.parent
        for step in sorted(path for path in corpus.iterdir() if path.is_dir()):
            rows.append({"corpus": corpus.name, "step": step.name, **_weight(step.rglob("*"), clips)})
    return pd.DataFrame(rows)


def _weight(paths: Iterable[Path], clips: int) -> dict[str, float]:
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return {"bytes per clip": sum(sizes) / clips, "files per clip": len(sizes) / clips}


def measure(args: argparse.Namespace) -> pd.DataFrame:
    """Every plan asked for, smallest first; each is printed as soon as it is there."""
    sizes = [(n, min(args.libritts), None) for n in sorted(args.grid)]
    sizes += [(min(args.grid), n, None) for n in sorted(args.libritts)[1:]]
    sizes += [(min(args.grid), max(args.shards_of, min(args.libritts)), shard) for shard in args.shards]
    found = []
    for size in sizes:
        found.append(asdict(plan(*size)))
        print(json.dumps(found[-1]), flush=True)
    return pd.DataFrame(found)


def extrapolate(plans: pd.DataFrame, corpus: str, clips: int) -> str:
    """What the last two sizes of a corpus, at its own shard size, let expect of `clips`."""
    other = "libritts" if corpus == "grid" else "grid"
    grown = plans[(plans["shard"] == 0) & (plans[other] == plans[other].min())].sort_values(corpus)
    if len(grown) < 2:
        return f"{corpus}: two sizes are needed to extrapolate"
    lines = [f"{corpus}: exponent from {grown[corpus].iloc[-2]:,} to {grown[corpus].iloc[-1]:,} clips; at {clips:,}"]
    for name in ("listing", "seconds", "cpu_seconds", "mb", "jobs", "files", "manifest_mb"):
        values, sizes = grown[name].tolist(), grown[corpus].tolist()
        fixed, each = line(sizes, values)
        lines.append(f"  {name:12} {growth(sizes, values):5.2f}   {fixed + each * clips:,.0f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=int, nargs="+", default=[3_300, 33_000], help="clips of GRID")
    parser.add_argument("--libritts", type=int, nargs="+", default=[35_000, 350_000], help="clips of LibriTTS")
    parser.add_argument("--shards", type=int, nargs="*", default=[], help="plan again with so many clips a shard")
    parser.add_argument("--shards-of", type=int, default=0, help="the size of LibriTTS for --shards")
    parser.add_argument("--paper", type=int, default=10_000_000, help="clips to extrapolate to")
    parser.add_argument("--artifacts", type=Path, help="a folder in which the workflow has run")
    args = parser.parse_args()
    if args.artifacts:
        weights = weigh(args.artifacts)
        print(weights.round(4).to_string(index=False) if len(weights) else f"no manifest under {args.artifacts}/work")
    plans = measure(args)
    print(plans.round(2).to_string(index=False))
    for corpus in ("grid", "libritts"):
        print(extrapolate(plans, corpus, args.paper))


if __name__ == "__main__":
    main()
