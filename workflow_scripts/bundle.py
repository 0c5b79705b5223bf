"""Rule `bundle`: write the dubber.json of a trained run."""

from pathlib import Path

from dubber import entry
from dubber.dub.settings import BundleSettings
from dubber.steps.bundle import bundle


def main() -> None:
    args = entry.arguments(
        __doc__, *("model", "summary", "settings", "manifest"), lists=("codec",), optional=("teacher", "transform")
    )
    bundle(
        Path(args.model),
        Path(args.summary),
        Path(args.teacher) if args.teacher else None,
        [Path(path) for path in args.codec],
        Path(args.transform) if args.transform else None,
        BundleSettings.model_validate(args.settings),
        Path(args.manifest),
    )


if __name__ == "__main__":
    entry.run(main)
