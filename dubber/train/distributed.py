"""Several processes that train one model, by Lightning Fabric: started by torchrun, or as tasks of one Slurm step.

Each process computes its share of every batch; Fabric averages the gradients (`ddp`), or also shards parameters and
optimiser state over the processes (`fsdp`, FSDP2). Losses are scaled and random numbers are shared here: but for the
order of sums, several processes learn the same as one from the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from dubber.devices import choose_device
from dubber.flow.path import Rows
from dubber.model.denoiser import DiTBlock
from dubber.model.layers import ConvNeXtBlock, FFTBlock
from dubber.train.launch import Launch, find_launch
from dubber.train.losses import Losses
from dubber.train.runtime import Place, Runtime
from dubber.train.settings import ExecutionSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import ClusterEnvironment
    from lightning_fabric.strategies import Strategy

SHARDED = (DiTBlock, FFTBlock, ConvNeXtBlock)  # gathered one at a time; all else is gathered with the whole


def make_runtime(execution: ExecutionSettings, precision: str, threads: int) -> Runtime:
    """Set up this process, and meet those that were started with it.

    Args:
        precision: "float32" or "bf16".
        threads: CPU threads that the workflow allows on this machine.

    Raises:
        ConfigError: there is no such device, or the processes cannot train together.
    """
    device, launch = choose_device(execution.device), find_launch()
    torch.set_num_threads(threads if launch is None else max(1, threads // launch.per_node))
    return Runtime(device, precision) if launch is None else _join(launch, device, precision, execution.strategy)


def _join(launch: Launch, device: torch.device, precision: str, strategy: str) -> Together:
    """Meet the other processes."""
    from lightning_fabric import Fabric  # takes a second to import; a process alone does without

    fabric = Fabric(
        accelerator=device.type,
        devices=launch.per_node,
        num_nodes=launch.nodes,
        strategy=_strategy(strategy, launch),
        plugins=[_cluster(launch)],
    )
    fabric.launch()
    place = Place(fabric.global_rank, fabric.world_size)
    return Together(fabric.device, precision, place, strategy=strategy, fabric=fabric)


def _cluster(launch: Launch) -> ClusterEnvironment:
    """The environment, by name: inside a Slurm job Fabric guesses Slurm, whoever started the process."""
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    return TorchElasticEnvironment() if launch.launcher == "torchrun" else SLURMEnvironment(auto_requeue=False)


def _strategy(name: str, launch: Launch) -> Strategy:
    from lightning_fabric.strategies import DDPStrategy, ModelParallelStrategy

    if name == "ddp":
        return DDPStrategy()  # every trained parameter has a gradient in every step, whatever parts are switched off
    return ModelParallelStrategy(_shard, data_parallel_size=launch.nodes * launch.per_node, tensor_parallel_size=1)


def _shard(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """FSDP2: each big block by itself, then the rest."""
    for block in [block for block in module.modules() if isinstance(block, SHARDED)]:
        fully_shard(block, mesh=mesh["data_parallel"])
    fully_shard(module, mesh=mesh["data_parallel"])
    return module


@dataclass(frozen=True, kw_only=True)
class Together(Runtime):
    """One process's view of the machine and of the others.

    Attributes:
        strategy: "ddp" or "fsdp".
        fabric: the engine.
    """

    strategy: str
    fabric: Fabric

    def wrap(self, module: nn.Module) -> nn.Module:
        return self.fabric.setup_module(module)

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def shared(self, losses: Losses) -> Losses:
        """This process's losses, so scaled that their average over the processes is the loss of the whole batch."""
        total = losses.counts.clone()
        torch.distributed.all_reduce(total)
        return losses.scaled(losses.counts * self.place.world / total.clamp(min=1))

    def average(self, values: Tensor) -> Tensor:
        values = values.clone()
        torch.distributed.all_reduce(values)
        return values / self.place.world

    def any(self, flag: bool) -> bool:
        return bool(self.average(torch.tensor(float(flag), device=self.device)))

    def gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.place.world
        torch.distributed.all_gather_object(values, value)
        return values

    def rows(self, generator: torch.Generator, count: int) -> Rows:
        return Rows(generator, count, self.place.rank, self.place.world)

    def wait(self) -> None:
        self.fabric.barrier()

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "strategy": self.strategy}


def whole_tensor(tensor: Tensor) -> Tensor:
    """[...] -> [...]: a tensor with all its parts; every process must call this at once."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor [...], sharded as `like` is; scalars stay whole, and so does all else where `like` is whole."""
    if not isinstance(like, DTensor) or tensor.dim() == 0:
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
