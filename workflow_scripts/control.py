"""Rule `control`: dub a shard's test clips with one input of another clip."""

import torch

from dubber import entry
from dubber.codec.registry import load_codec, parse_codec
from dubber.corpus.manifest import load_manifest
from dubber.dub.settings import SynthesisSettings
from dubber.gpus import lease_gpus
from dubber.steps.control import swap_shard


def main() -> None:
    args = entry.arguments(
        __doc__,
        *("swap", "manifest", "shard", "protocol", "model", "codec", "settings"),
        *("max-failed-share", "threads", "output"),
        lists=("codec-files", "features", "tokens"),
    )
    lease_gpus(1)
    torch.set_num_threads(int(args.threads))
    manifest = load_manifest(args.manifest)
    swap_shard(
        args.swap,
        manifest.rows(args.shard),
        [row for shard in manifest.test_shards for row in manifest.test_rows(shard)],
        args.features,
        args.tokens,
        args.model,
        load_codec(parse_codec(args.codec), args.codec_files),
        args.output,
        SynthesisSettings.model_validate(args.settings),
        protocol=args.protocol,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
