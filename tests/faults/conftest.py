"""One undisturbed run of the workflow, and copies of it in which something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workflow.conftest import Project, finished, project  # noqa: F401  (fixtures)

INJECT = Path(__file__).parent / "inject"
TABLE = "results/micro_table.csv"
SCORES = "results/micro/scores/full/1.0"


def snakemake(project: Project, *arguments: str, fault: str = "") -> subprocess.CompletedProcess[str]:  # noqa: F811
    """Run the workflow, with a fault where one is named."""
    return subprocess.run(
        project.command(*(arguments or (TABLE,))),
        cwd=project.folder,
        env=environment(project, fault),
        capture_output=True,
        text=True,
    )


def environment(project: Project, fault: str = "") -> dict[str, str]:  # noqa: F811
    if not fault:
        return project.environment
    path = os.pathsep.join([str(INJECT), str(project.folder)])
    done = str(project.folder / "fault.done")
    return {**os.environ, "PYTHONPATH": path, "DUBBER_FAULT": fault, "DUBBER_FAULT_DONE": done}


def start(project: Project, *arguments: str) -> subprocess.Popen:  # noqa: F811
    """The workflow in the background, in a session of its own."""
    return subprocess.Popen(
        project.command(*(arguments or (TABLE,))),
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes(project: Project, script: str) -> list[int]:  # noqa: F811
    """Ids of the processes that run a workflow script in this project."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            here = (folder / "cwd").resolve() == project.folder.resolve()
        except OSError:
            continue
        if here and f"workflow_scripts/{script}".encode() in words:
            found.append(int(folder.name))
    return found


def forget_scores(project: Project) -> None:  # noqa: F811
    """Make the last jobs of a finished run due again: two shards of scores, and the table."""
    for path in [*(project.folder / SCORES).glob("*"), project.folder / TABLE]:
        path.unlink()


def assert_as_undisturbed(project: Project, finished: Project) -> None:  # noqa: F811
    """The table, every cell of it, and no file that only looks whole."""
    made, expected = ((p.folder / TABLE).read_text() for p in (project, finished))
    assert without_times(made) == without_times(expected)
    for folder in ("work", "results"):
        assert {path.name for path in (project.folder / folder).rglob("*.parquet")} == {
            path.name for path in (finished.folder / folder).rglob("*.parquet")
        }


def without_times(table: str) -> list[list[str]]:
    """The cells of a table but for the real-time factor, which is measured and not computed."""
    rows = [line.split(",") for line in table.splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if not name.startswith("RTF")]
    return [[row[i] for i in kept] for row in rows]


@pytest.fixture
def small_disk(project: Project) -> Iterator[Callable[[str], None]]:  # noqa: F811
    """Puts the project's results on a file system of its own; called with mount options, it changes them."""
    results = project.folder / "results"
    kept = project.folder / "results.before"
    results.rename(kept)
    results.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", results], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    subprocess.run(["cp", "-a", f"{kept}/.", results], check=True)
    yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", results], check=True)
    subprocess.run(["umount", "--lazy", results], check=True)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
