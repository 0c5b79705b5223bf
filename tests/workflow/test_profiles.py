"""What the profiles plan: dry runs, and only those whose plugin is installed (`make test-slurm` installs them)."""

from __future__ import annotations

import re

import pytest

from tests.workflow.conftest import Project, new_project

pytestmark = pytest.mark.workflow

TARGET = "results/micro_table.csv"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which nothing was made; its stage 1 wants three GPUs."""
    project = new_project(tmp_path_factory.mktemp("profiles") / "project")
    text = (project.folder / "micro.yaml").read_text()
    (project.folder / "micro.yaml").write_text(text.replace("stage1: {steps: 6", "stage1: {processes: 3, steps: 6"))
    return project


def resources(project: Project, rule: str, *arguments: str) -> dict[str, str]:
    """What the plan says that the first job of a rule asks for."""
    out = project.snakemake("-n", TARGET, *arguments)
    job = re.search(rf"^(?:local)?rule {rule}:\n(.*?)\n\n", out.stdout + out.stderr, flags=re.DOTALL | re.MULTILINE)
    asked = re.search(r"resources: (.*)", job[1])[1]
    return dict(re.findall(r"(\w+)=([^,{]*)", asked))


@pytest.mark.parametrize(
    ("limit", "asked"), [((), "3"), (("--resources", "gpu=8"), "3"), (("--resources", "gpu=2"), "2")]
)
def test_a_job_asks_for_its_gpus_within_the_limit_that_a_person_sets(fresh, limit, asked):
    assert resources(fresh, "stage1", *limit)["gpu"] == asked


def test_slurm_is_asked_for_what_each_rule_needs(fresh):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs the extra `slurm`")
    slurm = ("--profile", "profiles/slurm")
    training = resources(fresh, "stage1", *slurm)
    assert (training["gpu"], training["nodes"], training["runtime"]) == ("3", "1", "2880")
    assert training["slurm_extra"] == "--signal=TERM@120"
    dubbing = resources(fresh, "dub", *slurm)
    assert (dubbing["gpu"], dubbing["mem_mb"], dubbing["runtime"]) == ("1", "6000", "240")
    assert "gpu" not in resources(fresh, "crops", *slurm)


def test_kubernetes_is_planned(fresh):
    for plugin in ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs"):
        pytest.importorskip(plugin, reason="needs the extra `kubernetes`")
    training = resources(fresh, "stage1", "--profile", "profiles/kubernetes")
    assert (training["gpu"], training["gpu_manufacturer"], training["scale"]) == ("3", "nvidia", "0")
    assert training["mem_mb"] == "12000"
