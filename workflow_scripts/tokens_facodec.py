"""Rule `tokens_facodec`: encode a shard's sound with FACodec."""

from dubber import entry
from dubber.codec.facodec.adapter import FACodec
from dubber.corpus.manifest import load_shard
from dubber.steps.tokens_facodec import tokens_shard


def main() -> None:
    args = entry.arguments(
        __doc__,
        "manifest",
        "shard",
        "audio",
        "encoder",
        "decoder",
        "max-failed-share",
        "output",
        lists=("crops",),
    )
    tokens_shard(
        load_shard(args.manifest, args.shard),
        args.audio,
        args.crops[0] if args.crops else None,
        FACodec.load(args.encoder, args.decoder),
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
