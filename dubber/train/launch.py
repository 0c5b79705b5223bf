"""How a training process was started: alone, by torchrun, or as one of the tasks of a Slurm step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dubber.errors import ConfigError
from dubber.gpus import lease_gpus

TORCHRUN = ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR")


@dataclass(frozen=True)
class Launch:
    """The launcher of a process that has others beside it, the nodes, and the processes on each node."""

    launcher: Literal["torchrun", "slurm"]
    nodes: int
    per_node: int


def find_launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """The launcher that started this process with others; None for a process on its own.

    torchrun comes first, since it also runs inside Slurm jobs. Of Slurm only a step of several tasks counts: a
    workflow's job is started as one task (`srun -n1`) of an allocation that may have been asked to hold more.

    Raises:
        ConfigError: Slurm's tasks are not spread evenly over its nodes.
    """
    if all(name in environment for name in TORCHRUN):
        world, local = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        return Launch("torchrun", world // local, local) if world > 1 else None
    tasks = int(environment.get("SLURM_STEP_NUM_TASKS", 1))
    if tasks == 1 or "SLURM_PROCID" not in environment:
        return None
    nodes = int(environment.get("SLURM_STEP_NUM_NODES", 1))
    if tasks % nodes:
        raise ConfigError(
            f"{tasks} tasks of a Slurm step cannot train together on {nodes} nodes.",
            looked_at="SLURM_STEP_NUM_TASKS, SLURM_STEP_NUM_NODES",
            hint="Ask for --ntasks-per-node, or start one torchrun per node.",
        )
    return Launch("slurm", nodes, tasks // nodes)


def relaunch(processes: int, device: str = "auto") -> None:
    """Restart this command in several processes on this machine, unless it is one of several already.

    Each process has a GPU that no other job has; only of a launch by hand, whoever launches says on which cards.

    Args:
        device: as in the configuration.

    Raises:
        ConfigError: there are fewer GPUs than processes.
    """
    if find_launch() is not None:
        return
    lease_gpus(processes, device)
    if processes == 1:
        return
    command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *sys.argv]
    os.execv(sys.executable, [sys.executable, *command])
