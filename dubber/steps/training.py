"""What both stages are given: the run, how it is executed, and where it leaves its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dubber.runner import RESOURCE, Output, Threads
from dubber.train.launch import relaunch
from dubber.train.run import Artifacts, Outputs, train
from dubber.train.settings import ExecutionSettings, RunSettings


@dataclass(frozen=True)
class Training:
    """A training run.

    Attributes:
        settings: everything that changes the result.
        execution: device, processes and intervals, which change nothing in the result.
        code: digest of the package code that trains.
        threads: of the CPU.
        model: the model file.
        summary: the summary file.
    """

    settings: RunSettings
    execution: Annotated[ExecutionSettings, RESOURCE]
    code: str
    threads: Threads
    model: Output
    summary: Output

    def on(self, artifacts: Artifacts) -> None:
        """Train on these artifacts, or resume; several processes are started by torchrun."""
        relaunch(self.execution.processes, self.execution.device)
        outputs = Outputs(self.model, self.summary)
        train(self.settings, self.execution, artifacts, outputs, code=self.code, threads=self.threads)
