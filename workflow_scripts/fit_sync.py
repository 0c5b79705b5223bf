"""Rule `fit_sync`: fit the embedded lip-sync encoders on training clips."""

import torch

from dubber import entry
from dubber.corpus.manifest import load_manifest
from dubber.metrics.settings import SyncFitSettings
from dubber.metrics.sync_fit import fit_sync


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "settings", "threads", "output", lists=("crops", "audio"))
    torch.set_num_threads(int(args.threads))
    train = load_manifest(args.manifest).clips("train")
    settings = SyncFitSettings.model_validate(args.settings)
    fit_sync(train, crops=args.crops, audio=args.audio, settings=settings, output=args.output)


if __name__ == "__main__":
    entry.run(main)
