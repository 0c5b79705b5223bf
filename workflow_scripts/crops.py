"""Rule `crops`: decode a shard's video at 25 frames a second, track the face, cut out face and lips."""

from pathlib import Path

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.media.settings import CropSettings
from dubber.steps.crops import crop_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "root", "settings", "frames", "max-failed-share", "output")
    rows = load_shard(args.manifest, args.shard)
    settings = CropSettings.model_validate(args.settings)
    crop_shard(
        rows,
        Path(args.root),
        Path(args.output),
        settings,
        max_failed_share=float(args.max_failed_share),
        frames=int(args.frames) or None,
    )


if __name__ == "__main__":
    entry.run(main)
