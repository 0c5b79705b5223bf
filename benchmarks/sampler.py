"""How fast speech is made: per evaluation of the denoiser, as a real-time factor, and beside a plain implementation.

    python -m benchmarks.sampler --size paper --seconds 3 10 --threads 2

One clip at a time, from the repository's root. Each round takes every candidate once, one after the other, so that they
meet the same machine; times are medians over rounds, and ratios are medians of the rounds' own ratios. The candidates:

- `plain`: benchmarks/plain_sampler.py, float32, everything recomputed, float64 draws from the whole vocabulary;
- `euler`: the paper's sampler as `dubber.flow.sampler` has it, in float32 and in bf16;
- `fast`: what `dubber.dub.settings.FAST` recommends for a single dub.

Weights and inputs are random: they do not change the speed. An evaluation's cost is that of a run of `--evaluations`
divided by their number; the line `linear` says how well it foretells a run of four times as many. The rate of
arithmetic stands beside the rate that the machine reaches on the candidate's own matrix products, run alone.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_sampler import PlainInputs, plain_euler, plain_logits
from benchmarks.train_step import SIZES, Product, ProductRecorder, product_rate, random_batch
from dubber.codec.settings import WorldSettings
from dubber.dub.settings import FAST, SynthesisSettings
from dubber.flow.sampler import make_sampler
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.train.runtime import choose_precision

NFE = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Candidate:
    """A way to sample: `run(n)` makes speech tokens in n evaluations; `fixed` is what it does once per clip."""

    name: str
    run: Callable[[int], object]
    fixed: Callable[[], object]


@dataclass(frozen=True)
class Measured:
    """Seconds of each round for one evaluation; flops of one; its matrix products."""

    seconds: list[float]
    flops: float
    products: Counter[Product]


def candidates(model: Dubber, sizes: ModelSettings, seconds: float, compiled: bool) -> list[Candidate]:
    """All of them on the same clip; the bf16 ones share a copy of the denoiser."""
    batch = random_batch(sizes, 1, seconds, torch.device("cpu"))
    tokens, width = batch.tokens.shape[-1], sizes.denoiser_width
    inputs = PlainInputs(
        torch.randn(1, 2, tokens, width).tanh(), batch.token_mask, batch.speaker, torch.randn(1, tokens, width)
    )
    start = torch.full((1, 4, tokens), sizes.mask)
    denoiser, path = model.dfpa.denoiser, model.dfpa.path

    def plain(n: int) -> Tensor:
        return plain_euler(lambda x_t, t: plain_logits(denoiser, x_t, t, inputs), start, path, n, forbidden=[sizes.pad])

    def ours(settings: SynthesisSettings) -> Candidate:
        own = Dubber(sizes, ObjectiveSettings(), PartsSettings()).eval().dfpa.denoiser
        precision = choose_precision(settings.precision, torch.device("cpu"))
        own.to(torch.bfloat16 if precision == "bf16" else torch.float32)
        forward = torch.compile(own, dynamic=False) if compiled else own

        def told():
            return own.condition(
                inputs.content, inputs.token_mask, inputs.speaker, own.prior_prompt(inputs.prior, inputs.token_mask)
            )

        def run(n: int) -> Tensor:
            condition = told()
            sampler = make_sampler(settings.sampler, n, temperature=settings.temperature)
            return sampler.sample(
                lambda x_t, t, wanted: forward(x_t, t, condition, wanted),
                start,
                mask_id=sizes.mask,
                forbidden=[sizes.pad],
            )

        return Candidate(f"{settings.sampler} {precision}", torch.no_grad()(run), torch.no_grad()(told))

    paper = SynthesisSettings()
    return [
        Candidate("plain float32", plain, lambda: None),
        ours(paper),
        ours(paper.model_copy(update={"precision": "bf16"})),
        ours(FAST),
    ]


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(candidate: Candidate, rounds: list[float], evaluations: int) -> Measured:
    """Count what one evaluation computes."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        candidate.run(evaluations)
    with ProductRecorder() as recorder, torch.no_grad():
        candidate.run(evaluations)
    return Measured(rounds, counter.get_total_flops() / evaluations, recorder.products)


def rest_of_synthesis(model: Dubber, sizes: ModelSettings, seconds: float) -> float:
    """Seconds of everything but the evaluations: text, video and content adaptation, and WORLD's synthesis."""
    batch = random_batch(sizes, 1, seconds, torch.device("cpu"))
    given = (batch.lips, batch.faces, batch.frame_mask, batch.phonemes, batch.phoneme_mask, batch.speaker)

    class Nothing:
        scheduler = ObjectiveSettings().scheduler

        def sample(self, denoise, start, **_) -> Tensor:
            return torch.zeros_like(start)

    model.dub(*given, sampler=Nothing())
    return min(timed(lambda: model.dub(*given, sampler=Nothing())) for _ in range(3)) + codec_seconds(seconds)


def codec_seconds(seconds: float) -> float:
    """Seconds that the embedded codec takes to speak a clip."""
    import pyworld

    settings, frames = WorldSettings().analysis, round(80 * seconds)
    size = pyworld.get_cheaptrick_fft_size(16000, settings.f0_floor) // 2 + 1
    f0, envelope = np.full(frames, 120.0), np.abs(np.random.default_rng(0).normal(size=(frames, size))) + 1e-6
    return min(timed(lambda: pyworld.synthesize(f0, envelope, envelope.clip(0, 1), 16000, 12.5)) for _ in range(3))


def report(seconds: float, found: dict[str, Measured], rest: float) -> None:
    """The tables of one clip length."""
    plain = found["plain float32"].seconds
    print(f"\n### A clip of {seconds:g} s; all but the evaluations takes {rest:.2f} s\n")
    print("| candidate | s per evaluation | times faster | GFLOP | GFLOP/s | of its products' own rate |")
    print("|---|---|---|---|---|---|")
    for name, one in found.items():
        median = statistics.median(one.seconds)
        ratio = statistics.median(p / own for p, own in zip(plain, one.seconds, strict=True))
        rate, alone = one.flops / median, product_rate(one.products, torch.device("cpu"))
        print(
            f"| {name} | {median:.3f} | {ratio:.2f} | {one.flops / 1e9:.1f} | {rate / 1e9:.0f} | {rate / alone:.0%} |",
            flush=True,
        )
    print("\n| RTF, denoiser alone / whole | " + " | ".join(f"NFE {n}" for n in NFE) + " |")
    print("|---|" + "---|" * len(NFE))
    for name, one in found.items():
        own = [n * statistics.median(one.seconds) for n in NFE]
        print(f"| {name} | " + " | ".join(f"{s / seconds:.2f} / {(s + rest) / seconds:.2f}" for s in own) + " |")
    whole = 128 * statistics.median(plain) + rest
    fast = FAST.nfe * statistics.median(list(found.values())[-1].seconds) + rest
    print(f"\nWhole synthesis: plain with 128 evaluations {whole:.1f} s, `fast` with {FAST.nfe} {fast:.2f} s: ", end="")
    print(f"{whole / fast:.0f} times faster", flush=True)


def main() -> None:
    sizes = yaml.safe_load(SIZES.read_text())["sizes"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(sizes), default="paper")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 10.0])
    parser.add_argument("--evaluations", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile of the denoiser (not of `plain`)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    settings = ModelSettings.model_validate(sizes[args.size])
    model = Dubber(settings, ObjectiveSettings(), PartsSettings()).eval()
    print(f"{args.size}, one clip, {args.threads} threads, {platform.machine()}, torch {torch.__version__}")
    for seconds in args.seconds:
        tried = candidates(model, settings, seconds, args.compile)
        for candidate in tried:
            candidate.run(2)
        rounds = [
            [timed(lambda c=c: c.run(args.evaluations)) / args.evaluations for c in tried] for _ in range(args.rounds)
        ]
        times = dict(zip((c.name for c in tried), map(list, zip(*rounds, strict=True)), strict=True))
        found = {c.name: measure(c, times[c.name], args.evaluations) for c in tried}
        report(seconds, found, rest_of_synthesis(model, settings, seconds))
        many = timed(lambda: tried[2].run(4 * args.evaluations)) / (4 * args.evaluations)  # noqa: B023
        print(f"linear: {tried[2].name}, {4 * args.evaluations} evaluations: {many:.3f} s each", flush=True)


if __name__ == "__main__":
    main()
