"""Rule `stage1`: pre-train the teacher, or go on with it."""

from pathlib import Path

from dubber import entry
from dubber.train.data import Artifacts
from dubber.train.run import Outputs, train_stage1


def main() -> None:
    args = entry.arguments(
        __doc__, "settings", "code", "threads", "model", "summary", lists=("tokens", "matrix", "manifests")
    )
    train_stage1(
        args.settings,
        Artifacts(args.tokens, args.matrix, args.manifests),
        Outputs(Path(args.model), Path(args.summary)),
        code=args.code,
        threads=int(args.threads),
    )


if __name__ == "__main__":
    entry.run(main)
