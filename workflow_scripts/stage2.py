"""Rule `stage2`: adapt the teacher to dubbing."""

from pathlib import Path

from dubber import entry
from dubber.train.launch import relaunch
from dubber.train.run import Artifacts, Outputs, train
from dubber.train.settings import ExecutionSettings, RunSettings


def main() -> None:
    args = entry.arguments(
        __doc__,
        *("settings", "execution", "code", "threads", "model", "summary"),
        lists=("tokens", "durations", "features", "manifests"),
        optional=("teacher",),
    )
    execution = ExecutionSettings.model_validate(args.execution)
    relaunch(execution.processes, execution.device)
    train(
        RunSettings.model_validate(args.settings),
        execution,
        Artifacts(args.tokens, args.durations, args.manifests, args.features, args.teacher and Path(args.teacher)),
        Outputs(Path(args.model), Path(args.summary)),
        code=args.code,
        threads=int(args.threads),
    )


if __name__ == "__main__":
    entry.run(main)
