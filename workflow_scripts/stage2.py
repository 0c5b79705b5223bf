"""Rule `stage2`: adapt the teacher to dubbing."""

from pathlib import Path

from dubber import entry
from dubber.train.launch import relaunch
from dubber.train.run import train_stage2


def main() -> None:
    args = entry.arguments(
        __doc__,
        *("settings", "pace", "code", "threads", "model", "summary"),
        lists=("tokens", "durations", "features", "manifests"),
        optional=("teacher",),
    )
    relaunch(args.pace["processes"], args.pace["device"])
    train_stage2(
        entry.with_pace(args),
        tokens=args.tokens,
        durations=args.durations,
        features=args.features,
        manifests=args.manifests,
        teacher=args.teacher,
        model=Path(args.model),
        summary=Path(args.summary),
        code=args.code,
        threads=int(args.threads),
    )


if __name__ == "__main__":
    entry.run(main)
