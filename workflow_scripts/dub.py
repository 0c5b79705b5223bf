"""Rule `dub`: dub a shard's test clips with a trained student."""

import torch

from dubber import entry
from dubber.codec.registry import load_codec, parse_codec
from dubber.corpus.manifest import load_shard
from dubber.dub.settings import SynthesisSettings
from dubber.dub.synthesise import synthesise_shard
from dubber.gpus import lease_gpus


def main() -> None:
    args = entry.arguments(
        __doc__,
        *("manifest", "shard", "protocol", "model", "features", "tokens", "codec", "settings"),
        *("max-failed-share", "threads", "output"),
        lists=("codec-files", "voices"),
    )
    lease_gpus(1)
    torch.set_num_threads(int(args.threads))
    synthesise_shard(
        load_shard(args.manifest, args.shard),
        args.features,
        args.tokens,
        args.voices,
        args.model,
        load_codec(parse_codec(args.codec), args.codec_files),
        args.output,
        SynthesisSettings.model_validate(args.settings),
        protocol=args.protocol,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
