"""Rule `stage2`: adapt the teacher to dubbing, or go on with it."""

from pathlib import Path

from dubber import entry
from dubber.train.data import Artifacts
from dubber.train.run import Outputs, train_stage2


def main() -> None:
    args = entry.arguments(
        __doc__,
        "teacher",
        "settings",
        "code",
        "threads",
        "model",
        "summary",
        lists=("tokens", "matrix", "features", "manifests"),
    )
    train_stage2(
        args.settings,
        Artifacts(args.tokens, args.matrix, args.manifests, args.features),
        Path(args.teacher),
        Outputs(Path(args.model), Path(args.summary)),
        code=args.code,
        threads=int(args.threads),
    )


if __name__ == "__main__":
    entry.run(main)
