"""How fast FACodec encodes and decodes, and what the polyphase Snake is worth.

    python benchmarks/facodec.py --seconds 10 --threads 2

Prints seconds of computing per second of audio (RTF, best of the repeats), and the time of the Snake activation
against the direct form, which inserts zeros and convolves. The weights are random: they do not change the speed.
Only the figures of one run on an idle machine can be compared with each other.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dubber.codec.facodec import FACodecDecoder, FACodecEncoder
from dubber.codec.facodec.layers import AntiAliasedSnake, snake
from dubber.units import SAMPLE_RATE


def best_time(run: Callable[[], object], repeats: int) -> float:
    """Seconds that the fastest of `repeats` calls took, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def direct_snake(activation: AntiAliasedSnake, x: Tensor) -> Tensor:
    """What `AntiAliasedSnake` computes, by depthwise convolutions at twice the rate. [B, C, L] -> [B, C, L]."""
    channels = x.shape[1]
    up, down = (f.expand(channels, 1, -1) for f in (activation.up_filter, activation.down_filter))
    fine = F.conv_transpose1d(F.pad(x, (5, 5), mode="replicate"), 2 * up, stride=2, groups=channels)[..., 15:-15]
    fine = snake(fine, activation.log_alpha.exp().unsqueeze(-1), activation.log_beta.exp().unsqueeze(-1))
    return F.conv1d(F.pad(fine, (5, 6), mode="replicate"), down, stride=2, groups=channels)


def time_codec(seconds: float, repeats: int) -> None:
    encoder, decoder = FACodecEncoder().eval(), FACodecDecoder().eval()
    wav = 0.1 * torch.randn(1, 1, round(seconds * SAMPLE_RATE))
    encoded = encoder(wav)
    ids, speaker = decoder.quantise(encoded)
    steps = {
        "encode": lambda: decoder.quantise(encoder(wav)),
        "decode": lambda: decoder.synthesise(decoder.embed(ids), speaker),
    }
    for name, run in steps.items():
        factor = best_time(run, repeats) / seconds
        print(f"{name}: RTF {factor:.3f}, {1 / factor:.1f} times faster than real time")


def time_snake(seconds: float, repeats: int) -> None:
    """At the four shapes of the waveform decoder, which cost most."""
    for channels, rate in ((512, 400), (256, 2000), (128, 8000), (64, 16000)):
        activation, x = AntiAliasedSnake(channels), torch.randn(1, channels, round(seconds * rate))
        torch.testing.assert_close(activation(x), direct_snake(activation, x), atol=1e-4, rtol=0)
        ours = best_time(lambda a=activation, x=x: a(x), repeats)
        direct = best_time(lambda a=activation, x=x: direct_snake(a, x), repeats)
        print(f"Snake {channels} x {rate} Hz: {ours * 1e3:.1f} ms, direct {direct * 1e3:.1f} ms, {direct / ours:.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"{platform.machine()}, torch {torch.__version__}, {arguments.threads} threads, {arguments.seconds} s of audio"
    )
    with torch.inference_mode():
        time_codec(arguments.seconds, arguments.repeats)
        time_snake(arguments.seconds, arguments.repeats)


if __name__ == "__main__":
    main()
