"""Rule `stage1`: train the zero-shot TTS teacher."""

from pathlib import Path

from dubber import entry
from dubber.train.launch import relaunch
from dubber.train.run import train_stage1


def main() -> None:
    args = entry.arguments(
        __doc__,
        *("settings", "pace", "code", "threads", "model", "summary"),
        lists=("tokens", "durations", "manifests"),
    )
    relaunch(args.pace["processes"], args.pace["device"])
    train_stage1(
        entry.with_pace(args),
        tokens=args.tokens,
        durations=args.durations,
        manifests=args.manifests,
        model=Path(args.model),
        summary=Path(args.summary),
        code=args.code,
        threads=int(args.threads),
    )


if __name__ == "__main__":
    entry.run(main)
