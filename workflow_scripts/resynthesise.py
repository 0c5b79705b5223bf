"""Rule `resynthesise`: decode the true tokens of a shard's test clips."""

from dubber import entry
from dubber.codec.registry import load_codec, parse_codec
from dubber.corpus.manifest import load_shard
from dubber.steps.resynthesise import resynthesise_shard


def main() -> None:
    args = entry.arguments(
        __doc__, "manifest", "shard", "tokens", "codec", "max-failed-share", "output", lists=("codec-files",)
    )
    resynthesise_shard(
        load_shard(args.manifest, args.shard),
        args.tokens,
        load_codec(parse_codec(args.codec), args.codec_files),
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
