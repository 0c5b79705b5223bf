"""How fast a training step is: against the machine's own matrix products, against plain code, and saving by saving.

    python benchmarks/train_step.py --size paper --stage 1 2 --precision float32 bf16 --threads 2

For each stage and precision, in turns within one run, so that what else the machine does meets all of them alike:

- `ours`: a whole step (forward, losses, backward, clipping, AdamW), in seconds, speech tokens a second, and its rate of
  arithmetic (products, convolutions and attention, forward and backward);
- `products`: the step's own matrix products alone, one shape after another, each by the faster of PyTorch's libraries.
  Its rate is the machine's; the share of it that a step reaches is the figure of merit;
- `plain`: the same step by `benchmarks/plain.py`, which computes the same;
- `without <saving>`: our step without one saving; with `--compile`, `compiled`: our step with torch.compile.

On a machine that does other work as well, `--threads 1 --clock cpu` measures the process's own time, which the others
hardly touch; with several threads it would count their waiting for each other.

Times are medians over the rounds; shares and gains are medians of each round's own ratio. Data are random: they do not
change the speed.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import yaml
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import PARTS, make_fast, make_plain, plain_adamw, plain_products
from dubber.model.batch import DubBatch
from dubber.model.denoiser import DiTBlock
from dubber.model.dubber import Dubber
from dubber.model.products import linear
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.train.losses import stage1_losses, stage2_losses
from dubber.train.optimiser import make_optimiser
from dubber.train.settings import StageSettings

SIZES = Path(__file__).resolve().parents[1] / "config" / "sizes.yaml"
PRODUCTS = (torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default)
PHONEMES_PER_SECOND = 10

Product = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Shapes of both factors and their type."""


@dataclass(frozen=True)
class Bench:
    """A stage's training step in every form.

    Attributes:
        steps: name of the form -> the step.
        tokens: speech tokens in a step.
        flops: its arithmetic.
        products: its matrix products.
    """

    steps: dict[str, Callable[[], object]]
    tokens: int
    flops: int
    products: Counter[Product]


class ProductRecorder(TorchDispatchMode):
    """Counts the matrix products of a block by shape."""

    def __init__(self) -> None:
        super().__init__()
        self.products: Counter[Product] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in PRODUCTS:
            left, right = args[-2:]
            self.products[tuple(left.shape), tuple(right.shape), left.dtype] += 1
        return function(*args, **(kwargs or {}))


def random_batch(sizes: ModelSettings, clips: int, seconds: float, device: torch.device) -> DubBatch:
    """`clips` clips of the same length, without padding."""
    frames, phonemes = round(seconds * sizes.frame_rate), round(seconds * PHONEMES_PER_SECOND)
    tokens = sizes.tokens_in(frames)

    def spread(total: int) -> Tensor:
        edges = torch.linspace(0, total, phonemes + 1).round().long()
        return edges.diff().expand(clips, -1)

    def real(length: int) -> Tensor:
        return torch.ones(clips, length, dtype=torch.bool)

    return DubBatch(
        clips=tuple(map(str, range(clips))),
        phonemes=torch.randint(1, sizes.phoneme_vocabulary, (clips, phonemes)),
        phoneme_mask=real(phonemes),
        token_durations=spread(tokens),
        tokens=torch.randint(0, sizes.vocab, (clips, 6, tokens)),
        token_mask=real(tokens),
        speaker=torch.randn(clips, sizes.speaker_dim),
        lips=torch.randn(clips, frames, sizes.lip_features),
        faces=torch.randn(clips, frames, sizes.face_features),
        frame_mask=real(frames),
        frame_durations=spread(frames),
    ).to(device)


def make_loss(stage: int, sizes: ModelSettings, device: torch.device) -> tuple[nn.Module, Callable, Callable]:
    """A stage's trained model, its forward pass (batch -> output) and its loss (output, batch -> scalar)."""
    objective, parts = ObjectiveSettings(), PartsSettings()
    teacher = TTS(sizes, objective).to(device)
    if stage == 1:
        return teacher, teacher, lambda output, batch: stage1_losses(output, batch, objective).total
    student = Dubber(sizes, objective, parts).to(device)
    student.initialise_from(teacher)
    teacher.requires_grad_(False)
    forward, losses = (lambda batch: student(batch, teacher)), stage2_losses
    return student, forward, lambda output, batch: losses(output, batch, objective, parts).total


def make_bench(stage: int, precision: str, sizes: ModelSettings, args: argparse.Namespace) -> Bench:
    """The step in every form, on one model; what a form needs is set up before its time is taken."""
    device = torch.device(args.device)
    torch.manual_seed(0)
    model, forward, loss_of = make_loss(stage, sizes, device)
    batch = random_batch(sizes, args.clips, args.seconds, device)
    settings = StageSettings(steps=1, precision=precision)
    fused, plain = make_optimiser(model, settings), plain_adamw(model, settings)
    trained = [p for p in model.parameters() if p.requires_grad]

    def step(optimiser: torch.optim.Optimizer = fused) -> float:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            output = forward(batch)
        loss = loss_of(output, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, settings.grad_clip)
        optimiser.step()
        return loss.item()

    with plain_products(), FlopCounterMode(display=False) as counter:
        step()
    with plain_products(), ProductRecorder() as recorder:
        step()
    steps = {
        "ours": step,
        "plain": plain_products()(in_form(model, PARTS, lambda: step(plain))),
        "without oneDNN": plain_products()(step),
        "without look-up": in_form(model, ("input",), step),
        "without SDPA": in_form(model, ("attention",), step),
        "without fused AdamW": lambda: step(plain),
    }
    if args.compile:
        steps["compiled"] = compiled(model, step)
    steps = {name: run for name, run in steps.items() if name == "ours" or name in (args.forms or steps)}
    return Bench(steps, int(batch.token_mask.sum()), counter.get_total_flops(), recorder.products)


def in_form(model: nn.Module, parts: tuple[str, ...], step: Callable[[], object]) -> Callable[[], object]:
    """A step with parts of the model plain."""

    def run() -> None:
        make_plain(model, parts)
        step()
        make_fast(model)

    return run


def compiled(model: nn.Module, step: Callable[[], object]) -> Callable[[], object]:
    """A step whose transformer blocks are compiled."""
    blocks = [block for block in model.modules() if isinstance(block, DiTBlock)]
    calls = [torch.compile(block.forward, dynamic=False) for block in blocks]

    def run() -> None:
        for block, call in zip(blocks, calls, strict=True):
            block.forward = call
        step()
        for block in blocks:
            del block.forward

    return run


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def timed(run: Callable[[], object], device: torch.device, clock: str) -> float:
    """Seconds of one call."""
    synchronise(device)
    start = CLOCKS[clock]()
    run()
    synchronise(device)
    return CLOCKS[clock]() - start


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_seconds(products: Counter[Product], device: torch.device, clock: str) -> tuple[float, int]:
    """Seconds and operations of the products alone, each shape weighed by how often the step needs it."""
    operations, seconds = 0, 0.0
    for (left, right, dtype), count in products.items():
        a, b = (torch.randn(shape, device=device).to(dtype) for shape in (left, right))
        forms = [lambda a=a, b=b: a @ b]
        if a.dim() == 2:
            forms.append(partial(linear, a, b.t().contiguous()))
        for form in forms:
            form()
        seconds += count * min(timed(form, device, clock) for form in 2 * forms)
        operations += count * 2 * a.numel() * right[-1]
    return seconds, operations


def report(bench: Bench, rounds: int, device: torch.device, clock: str) -> None:
    """Time every form in turns and print what is found."""
    times: dict[str, list[float]] = {name: [] for name in bench.steps}
    rates, shares = [], []
    for step in list(bench.steps.values())[1:]:  # warms up, and compiles; ours has run
        step()
    for _ in range(rounds):
        for name, step in bench.steps.items():
            times[name].append(timed(step, device, clock))
        seconds, operations = product_seconds(bench.products, device, clock)
        rates.append(operations / seconds)
        shares.append(bench.flops / times["ours"][-1] / rates[-1])
    ours = statistics.median(times["ours"])
    print(f"  ours: {ours:.3f} s, {bench.tokens / ours:.0f} tokens/s, {bench.flops / ours / 1e9:.0f} GFLOP/s;", end=" ")
    print(f"products alone {statistics.median(rates) / 1e9:.0f} GFLOP/s: {statistics.median(shares):.0%}")
    for name, found in times.items():
        ratio = statistics.median(other / own for other, own in zip(found, times["ours"], strict=True))
        if name != "ours":
            print(f"  {name}: {statistics.median(found):.3f} s, {ratio:.2f} times ours", flush=True)


def main() -> None:
    sizes = yaml.safe_load(SIZES.read_text())["sizes"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=list(sizes), default="paper")
    parser.add_argument("--stage", type=int, nargs="+", choices=(1, 2), default=[1, 2])
    parser.add_argument("--precision", nargs="+", choices=("float32", "bf16"), default=["float32", "bf16"])
    parser.add_argument("--clips", type=int, default=4, help="per step")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip")
    parser.add_argument("--rounds", type=int, default=5, help="in which every form is timed once")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile as well (minutes of compiling)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall", help="cpu: this process's own time")
    parser.add_argument("--forms", nargs="+", help="of the step that are timed; all, if not given")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    print(f"{args.size}, {args.clips} clips of {args.seconds} s; {device}, {platform.machine()}, ", end="")
    print(f"torch {torch.__version__}, {args.threads} threads, {args.rounds} rounds, {args.clock} time", flush=True)
    for stage in args.stage:
        for precision in args.precision:
            print(f"stage {stage}, {precision}", flush=True)
            bench = make_bench(stage, precision, ModelSettings.model_validate(sizes[args.size]), args)
            report(bench, args.rounds, device, args.clock)
    if device.type == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
