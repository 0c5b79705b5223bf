"""The training loop: its schedule, its log, and what stops it."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import random
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from dubber.devices import choose_device, choose_precision
from dubber.errors import ConfigError, DubberError
from dubber.model.batch import Batch
from dubber.train.arrow import pack
from dubber.train.batches import TrainingData, open_data, read_splits
from dubber.train.loop import Task, Trainer
from dubber.train.losses import Losses, Mean
from dubber.train.optimiser import learning_rate, load_optimiser, make_optimiser, optimiser_tensors
from dubber.train.randomness import load_random_state, random_scalars, random_tensors, seed_everything
from dubber.train.run_log import Display, MetricsLog, RunFolder, read_metrics
from dubber.train.runtime import Runtime
from dubber.train.settings import StageSettings
from dubber.train.signals import EXIT_CODE, Stopped, StopRequests
from dubber.train.summary import first_and_last
from tests.resume.tiny_run import MODEL, STAGE, make_corpus, shards

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    files = {"tokens": shards(folder, "tokens"), "durations": shards(folder, "durations")}
    pack(folder / "data.arrow", asdict(read_splits([folder / "manifest.parquet"])), **files)
    return open_data(folder / "data.arrow", MODEL, 1600)


class Toy(nn.Module):
    """Regresses each clip's speaker vector, far from it at first; its loss can be told to go wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, MODEL.speaker_dim)
        nn.init.constant_(self.linear.bias, 3.0)
        self.factor = 1.0
        self.products: list[torch.dtype] = []

    def forward(self, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        noise = torch.rand(len(batch.clips), 1, generator=generator)
        output = self.linear(batch.token_mask.sum(1, keepdim=True).float() / 40 + 0.01 * noise)
        self.products.append(output.dtype)
        return output

    def losses(self, output: torch.Tensor, batch: Batch) -> Losses:
        error = (output.float() - batch.speaker).square().mean() * self.factor
        return Losses.of({"error": Mean(error, len(batch.clips))}, {"error": 1.0})


def trainer(data: TrainingData, folder: Path, precision: str = "float32", **changes) -> Trainer:
    stage = StageSettings(**{**STAGE, "precision": precision, **changes})
    torch.manual_seed(0)
    toy = Toy()
    folder.mkdir(exist_ok=True)
    return Trainer(
        Task(toy, toy, toy.losses),
        data,
        stage.train(),
        stage.execution(),
        RunFolder(folder, "toy"),
        Runtime(CPU, stage.precision),
    )


def test_the_learning_rate_rises_then_falls_along_a_cosine():
    settings = StageSettings(steps=100, lr=2.0, warmup_share=0.1)
    rates = [learning_rate(settings, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (i + 1) for i in range(10)])
    assert rates[10] == 2.0 and rates[55] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(1 + math.cos(math.pi * 89 / 90))
    flat = StageSettings(steps=100, lr=2.0, warmup_share=0, schedule="constant")
    assert {learning_rate(flat, step, 100) for step in range(100)} == {2.0}


def test_a_run_is_as_long_as_its_steps_or_its_epochs():
    assert StageSettings(steps=7).total_steps(5) == 7
    assert StageSettings(epochs=3).total_steps(5) == 15
    for wrong in ({}, {"steps": 1, "epochs": 1}):
        with pytest.raises(ValueError, match="exactly one"):
            StageSettings(**wrong)


def test_the_loss_falls_and_the_log_says_so(data, tmp_path):
    trainer(data, tmp_path, steps=60, lr=0.1).run()
    for phase in ("train", "val"):
        ends = first_and_last(read_metrics(tmp_path / "metrics.jsonl", phase))
        assert ends["last"]["loss"] < 0.9 * ends["first"]["loss"]
        assert ends["last"]["loss"] == pytest.approx(ends["last"]["error"])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["phase"] == "val"] == [0, *range(5, 61, 5)]
    last = lines[-2]
    assert last["step"] == 60 and last["seconds_left"] == 0 and last["tokens_per_s"] > 0 and last["grad_norm"] > 0


def test_a_line_is_the_mean_of_its_steps(data, tmp_path):
    for folder, every in (("each", 1), ("third", 3)):
        trainer(data, tmp_path / folder, log_every=every, steps=6).run()
    each, third = (read_metrics(tmp_path / folder / "metrics.jsonl", "train") for folder in ("each", "third"))
    assert [line["loss"] for line in third] == pytest.approx(
        [sum(line["loss"] for line in each[i : i + 3]) / 3 for i in (0, 3)]
    )


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_weights_move(data, tmp_path, factor):
    run = trainer(data, tmp_path)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.model.factor = factor
    with pytest.raises(DubberError, match="not finite at step 1") as error:
        run.run()
    clips = [data.train.clips[i] for i in run.sampler.batch(0)]
    assert all(clip in str(error.value) for clip in clips)
    assert all(torch.equal(before[name], value) for name, value in run.model.state_dict().items())


def test_a_gradient_that_is_not_finite_stops_as_well(data, tmp_path):
    run = trainer(data, tmp_path)
    run.model.linear.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(DubberError, match="grad_norm nan"):
        run.run()
    assert torch.isfinite(run.model.linear.weight).all()


def test_long_gradients_are_shortened(data, tmp_path):
    run = trainer(data, tmp_path, grad_clip=1e-3)
    run.run()
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in run.trained))
    assert norm == pytest.approx(1e-3, rel=1e-3)
    assert read_metrics(tmp_path / "metrics.jsonl", "train")[-1]["grad_norm"] > 1e-2


def test_products_are_in_bf16_and_losses_are_not(data, tmp_path):
    run = trainer(data, tmp_path, precision="bf16", steps=2)
    run.run()
    assert set(run.model.products) == {torch.bfloat16}
    assert run.model.linear.weight.dtype == torch.float32


def test_there_may_be_no_validation_clips(data, tmp_path):
    trainer(data, tmp_path, validation_clips=0).run()
    assert read_metrics(tmp_path / "metrics.jsonl", "val") == []


def test_vectors_do_not_decay():
    optimiser = make_optimiser(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)), StageSettings(steps=1))
    assert [(g["weight_decay"], len(g["params"])) for g in optimiser.param_groups] == [(0.01, 1), (0.0, 3)]


def test_the_optimisers_state_comes_back_by_name():
    model, other = (nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)) for _ in range(2))
    settings = StageSettings(steps=1)
    first, second = make_optimiser(model, settings), make_optimiser(other, settings)
    model(torch.ones(1, 3)).square().sum().backward()
    first.step()
    load_optimiser(second, other, optimiser_tensors(first, model))
    one, two = optimiser_tensors(first, model), optimiser_tensors(second, other)
    assert one.keys() == two.keys() and "0.weight/exp_avg_sq" in one
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_every_generator_is_set_back():
    flow = torch.Generator()
    seed_everything(3)

    def draw() -> list[float]:
        drawn = [random.gauss(0, 1), np.random.normal(), torch.randn(()), torch.rand((), generator=flow)]  # noqa: NPY002
        return [float(value) for value in drawn]

    draw()
    tensors, scalars = random_tensors(flow, CPU), json.loads(json.dumps(random_scalars()))
    drawn = [draw(), draw()]
    load_random_state(tensors, scalars, flow, CPU)
    assert [draw(), draw()] == drawn


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_is_noted_and_obeyed_when_asked(number):
    before = signal.getsignal(number)
    with StopRequests() as requests:
        assert not requests.pending
        os.kill(os.getpid(), number)
        assert requests.pending
    assert Stopped("now").code == EXIT_CODE and signal.getsignal(number) is before


def test_tensorboard_shows_what_the_log_holds(data, tmp_path):
    trainer(data, tmp_path, steps=6).run()
    shown = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for phase in ("train", "val"):
        lines = read_metrics(tmp_path / "metrics.jsonl", phase)
        events = shown.Scalars(f"{phase}/terms/error")
        assert [event.step for event in events] == [line["step"] for line in lines]
        assert [event.value for event in events] == pytest.approx([line["terms"]["error"] for line in lines])
    assert {f"train/{name}" for name in ("loss", "lr", "grad_norm", "tokens_per_s", "seconds_left")} <= set(
        shown.Tags()["scalars"]
    )


def test_a_log_that_cannot_be_written_is_a_clear_error(data, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(MetricsLog, "write", full)
    with pytest.raises(DubberError, match="No space left"):
        trainer(data, tmp_path).run()


def test_lines_of_a_past_that_is_lost_are_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "phase": "train"}) for step in range(5)]
    path.write_text("\n".join([*lines, '{"step": 5, "ph']))
    log = MetricsLog(path, 2)
    log.write({"step": 3, "phase": "train"})
    log.close()
    assert [line["step"] for line in read_metrics(path, "train")] == [0, 1, 2, 3]


def test_away_from_a_terminal_progress_is_a_line(caplog, tmp_path):
    caplog.set_level(logging.INFO)
    with (tmp_path / "stream").open("w") as stream:
        display = Display("toy", 0, 10, stream)
        record = {"loss": 1.5, "terms": {"flow": 1.25}, "tokens_per_s": 100.0, "seconds_left": 30.0}
        display.update({"step": 5, **record})
        display.update({"step": 10, **record})
        display.close()
    assert caplog.messages == ["toy: step 10/10, loss 1.500 flow 1.250, 100 tokens/s, 30 s left"]


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "float32")])
def test_auto_takes_bf16_where_the_cpu_has_it(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_precision("auto", CPU) == chosen
    assert {name: choose_precision(name, CPU) for name in ("float32", "bf16")} == {"float32": "float32", "bf16": "bf16"}


def test_a_device_that_is_not_there_is_named():
    assert choose_device("cpu") == CPU
    with pytest.raises(ConfigError, match="'tpu9'"):
        choose_device("tpu9")
