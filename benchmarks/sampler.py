"""How fast speech is made: per evaluation of the denoiser, as a real-time factor, and beside a plain implementation.

    python benchmarks/sampler.py --size paper --seconds 3 10 --threads 2

One clip at a time. Each round takes every candidate once, in turns with the candidate's own matrix products run alone,
so that what else the machine does meets all of them alike; times are medians over the rounds, and ratios are medians of
each round's own ratio. The candidates:

- `plain`: benchmarks/plain_sampler.py, float32, everything recomputed, float64 draws from the whole vocabulary;
- `euler`: the paper's sampler as `dubber.flow.sampler` has it, in float32 and in bf16;
- `fast`: what `dubber.dub.settings.FAST` recommends for a single dub.

Weights and inputs are random: they do not change the speed. An evaluation's cost is that of a run of `--evaluations`
divided by their number; the line `linear` says how well it foretells a run of four times as many. On a machine that
does other work as well, `--threads 1 --clock cpu` measures the process's own time, which the others hardly touch.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import yaml
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import plain_products
from benchmarks.plain_sampler import PlainInputs, plain_euler, plain_logits
from benchmarks.train_step import SIZES, ProductRecorder, product_seconds, random_batch, timed
from dubber.codec.settings import WorldSettings
from dubber.devices import choose_precision
from dubber.dub.settings import FAST, SynthesisSettings
from dubber.flow.sampler import make_sampler
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings

CPU = torch.device("cpu")
NFE = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Candidate:
    """A way to sample: `run(n)` makes a clip's speech tokens in n evaluations."""

    name: str
    run: Callable[[int], object]


@dataclass
class Measured:
    """Per round: seconds of one evaluation, and rate of the candidate's products alone. And flops of one evaluation."""

    flops: float
    seconds: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def candidates(model: Dubber, sizes: ModelSettings, seconds: float, compiled: bool) -> list[Candidate]:
    """All of them on the same clip."""
    batch = random_batch(sizes, 1, seconds, CPU)
    tokens, width = batch.tokens.shape[-1], sizes.denoiser_width
    inputs = PlainInputs(
        torch.randn(1, 2, tokens, width).tanh(), batch.token_mask, batch.speaker, torch.randn(1, tokens, width)
    )
    start = torch.full((1, 4, tokens), sizes.mask)
    denoiser, path = model.dfpa.denoiser, model.dfpa.path

    def plain(n: int) -> Tensor:
        return plain_euler(lambda x_t, t: plain_logits(denoiser, x_t, t, inputs), start, path, n, forbidden=[sizes.pad])

    paper = SynthesisSettings()
    ways = (paper, paper.model_copy(update={"precision": "bf16"}), FAST)
    return [
        Candidate("plain float32", plain_products()(torch.no_grad()(plain))),
        *(ours(way, sizes, inputs, start, compiled) for way in ways),
    ]


def ours(
    settings: SynthesisSettings, sizes: ModelSettings, inputs: PlainInputs, start: Tensor, compiled: bool
) -> Candidate:
    """A sampler of `dubber.flow` with a denoiser of its own; what does not depend on x_t is made once per clip."""
    own = Dubber(sizes, ObjectiveSettings(), PartsSettings()).eval().dfpa.denoiser
    precision = choose_precision(settings.precision, CPU)
    own.to(torch.bfloat16 if precision == "bf16" else torch.float32)
    forward = torch.compile(own, dynamic=False) if compiled else own

    def run(n: int) -> Tensor:
        prompt = own.prior_prompt(inputs.prior, inputs.token_mask)
        condition = own.condition(inputs.content, inputs.token_mask, inputs.speaker, prompt)
        sampler = make_sampler(settings.sampler, n, temperature=settings.temperature)
        return sampler.sample(
            lambda x_t, t, wanted: forward(x_t, t, condition, wanted),
            start,
            mask_id=sizes.mask,
            forbidden=[sizes.pad],
        )

    return Candidate(f"{settings.sampler} {precision}", torch.no_grad()(run))


def measure(tried: list[Candidate], evaluations: int, rounds: int, clock: str) -> dict[str, Measured]:
    """Every candidate in every round."""
    found, products = {}, {}
    for candidate in tried:
        with plain_products(), torch.no_grad(), FlopCounterMode(display=False) as counter:
            candidate.run(evaluations)
        with plain_products(), torch.no_grad(), ProductRecorder() as recorder:
            candidate.run(evaluations)
        found[candidate.name] = Measured(counter.get_total_flops() / evaluations)
        products[candidate.name] = recorder.products
    for _ in range(rounds):
        for candidate in tried:
            own = found[candidate.name]
            own.seconds.append(timed(lambda c=candidate: c.run(evaluations), CPU, clock) / evaluations)
            seconds, operations = product_seconds(products[candidate.name], CPU, clock)
            own.alone.append(operations / seconds)
    return found


def rest_of_synthesis(model: Dubber, sizes: ModelSettings, seconds: float, clock: str) -> float:
    """Seconds of everything but the evaluations: text, video and content adaptation, and WORLD's synthesis."""
    batch = random_batch(sizes, 1, seconds, CPU)

    class Nothing:
        scheduler = ObjectiveSettings().scheduler

        def sample(self, denoise, start, **_) -> Tensor:
            return torch.zeros_like(start)

    model.dub(batch, sampler=Nothing())
    own = min(timed(lambda: model.dub(batch, sampler=Nothing()), CPU, clock) for _ in range(3))
    return own + codec_seconds(seconds, clock)


def codec_seconds(seconds: float, clock: str) -> float:
    """Seconds that the embedded codec takes to speak a clip."""
    import pyworld

    settings, frames = WorldSettings().analysis, round(80 * seconds)
    size = pyworld.get_cheaptrick_fft_size(16000, settings.f0_floor) // 2 + 1
    f0, envelope = np.full(frames, 120.0), np.abs(np.random.default_rng(0).normal(size=(frames, size))) + 1e-6
    sound = envelope.clip(0, 1)
    return min(timed(lambda: pyworld.synthesize(f0, envelope, sound, 16000, 12.5), CPU, clock) for _ in range(3))


def report(seconds: float, found: dict[str, Measured], rest: float) -> None:
    """The tables of one clip length."""
    plain, fast = found["plain float32"], list(found.values())[-1]
    print(f"\n### A clip of {seconds:g} s; all but the evaluations takes {rest:.2f} s\n")
    print("| candidate | s per evaluation | times faster | GFLOP | GFLOP/s | its products alone | share |")
    print("|---|---|---|---|---|---|---|")
    for name, own in found.items():
        ratio = statistics.median(p / o for p, o in zip(plain.seconds, own.seconds, strict=True))
        share = statistics.median(own.flops / s / r for s, r in zip(own.seconds, own.alone, strict=True))
        rates = f"{own.flops / own.median / 1e9:.0f} | {statistics.median(own.alone) / 1e9:.0f} | {share:.0%}"
        print(f"| {name} | {own.median:.3f} | {ratio:.2f} | {own.flops / 1e9:.1f} | {rates} |")
    print("\n| RTF, denoiser alone / whole | " + " | ".join(f"NFE {n}" for n in NFE) + " |")
    print("|---|" + "---|" * len(NFE))
    for name, own in found.items():
        cells = [f"{n * own.median / seconds:.2f} / {(n * own.median + rest) / seconds:.2f}" for n in NFE]
        print(f"| {name} | " + " | ".join(cells) + " |")
    whole, quick = 128 * plain.median + rest, FAST.nfe * fast.median + rest
    print(
        f"\nWhole synthesis: plain with 128 evaluations {whole:.1f} s, `fast` with {FAST.nfe} {quick:.2f} s: ", end=""
    )
    print(f"{whole / quick:.0f} times faster", flush=True)


def main() -> None:
    sizes = yaml.safe_load(SIZES.read_text())["sizes"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(sizes), default="paper")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 10.0])
    parser.add_argument("--evaluations", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="torch.compile of the denoiser (not of `plain`)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    settings = ModelSettings.model_validate(sizes[args.size])
    model = Dubber(settings, ObjectiveSettings(), PartsSettings()).eval()
    print(f"{args.size}, one clip, {args.threads} threads, {args.clock} clock, {platform.machine()}, ", end="")
    print(f"torch {torch.__version__}")
    for seconds in args.seconds:
        tried = candidates(model, settings, seconds, args.compile)
        found = measure(tried, args.evaluations, args.rounds, args.clock)
        report(seconds, found, rest_of_synthesis(model, settings, seconds, args.clock))
        many = 4 * args.evaluations
        cost = timed(lambda run=tried[-1].run, n=many: run(n), CPU, args.clock) / many
        print(f"linear: {tried[-1].name}, {many} evaluations: {cost:.3f} s each", flush=True)


if __name__ == "__main__":
    main()
