"""How fast a card trains: both models of CIFAR-10, and the STS job."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import torch

from tests.gpu.setting import Row, Setting
from tests.gpu.trainings import Reached, Training, train_together
from trainables import cnn, sts
from trainables.cnn import train as loop
from trainables.cnn.device import Device, choose
from trainables.sts import data as sts_data
from trainables.sts.train import train as train_sts

__all__ = ["accuracy", "cnn_throughput", "compiled", "sts_throughput"]

RESNET_FLOP = 3 * 2 * 555_422_720  # an image: multiply-adds of a forward pass, ×2, and backward ×2
REPORT = (  # Tables 2 and 3: plain, CELU, label smoothing, both
    "report Res18",
    "report Res18+CELU",
    "report Res18+LS",
    "report Res18+CELU+LS",
)


def cnn_throughput(setting: Setting) -> Iterator[Row]:
    """Images a second of training, evaluation included, after an epoch to warm up; LeNet's on one
    core too, where ResNet-18 would take half an hour."""
    peak = _peak_flops(setting)
    yield {"what": "large bf16 product", "tflop_per_s": peak / 1e12}
    for model in ("lenet", "resnet18"):
        speed = _images_per_s(setting.config(model), setting)
        share = {"of_product": speed * RESNET_FLOP / peak} if model == "resnet18" else {}
        yield {"what": model, "images_per_s": speed, **share}
        if model == "lenet":
            core = _images_per_s(setting.config(model), setting, Device())
            yield {"what": "lenet, a core", "images_per_s": core, "times_as_fast": speed / core}


def compiled(setting: Setting) -> Iterator[Row]:
    """Whether torch.compile pays: images a second, and the seconds of the first epoch."""
    images = len(setting.images().train_labels)
    modes = [{"backend": "eager"}] if setting.rehearse else [{}, {"mode": "reduce-overhead"}]
    model = "lenet" if setting.rehearse else "resnet18"
    for options in modes:
        with patch.object(loop, "build", partial(_build_compiled, loop.build, options)):
            times = _epoch_times(setting.config(model), setting)
        yield {
            "what": f"{model}, torch.compile {options}",
            "images_per_s": images / median(times[1:]),
            "first_epoch_s": times[0],
        }


def _build_compiled(
    build: Callable[[cnn.Config, int], torch.nn.Module],
    options: dict[str, Any],
    config: cnn.Config,
    seed: int,
) -> torch.nn.Module:
    model = build(config, seed)
    model.compile(**options)
    return model


def sts_throughput(setting: Setting) -> Iterator[Row]:
    """Seconds of an epoch of our default, on the card and on one core."""
    torch.set_num_threads(1)
    dataset = "toy" if setting.rehearse else "stsbenchmark"
    data = sts_data.load(sts_data.prepare(dataset, None).folder)
    seconds = {}
    for name in (choose().name, "cpu"):
        times = [time.perf_counter()]
        for _ in train_sts(sts.Config(), data, seed=0, max_epochs=4, device=torch.device(name)):
            times.append(time.perf_counter())
        seconds[name] = median(b - a for a, b in itertools.pairwise(times[1:]))
        yield {"what": f"sts, default, {name}", "epoch_s": seconds[name]}
    yield {"what": "sts, card over core", "times_as_fast": seconds["cpu"] / seconds[choose().name]}


def accuracy(setting: Setting) -> Iterator[Row]:
    """ResNet-18 by the report's four rows and by our default, all at once, on 45,000 images;
    validation accuracy of the 5,000 held out. Whoever does not end in time is told as far as it
    came."""
    epochs = 1 if setting.rehearse else 30
    trainings = [
        Training(name=point, config=setting.config(point), epochs=epochs)
        for point in (*REPORT, "resnet18")
    ]
    begun = time.monotonic()
    last: dict[str, Reached] = {}
    within = dataclasses.replace(setting, deadline=setting.deadline - 5)
    for one in train_together(trainings, within):
        last[one.name] = one
        if one.epoch == epochs:
            yield _accuracy(last.pop(one.name), begun)
    for one in last.values():
        yield {**_accuracy(one, begun), "failed": f"no time for {epochs} epochs"}


def _accuracy(one: Reached, begun: float) -> Row:
    row = {"what": one.name, "epochs": one.epoch, "val_accuracy": one.val_accuracy}
    return {**row, "seconds": one.at - begun}


def _images_per_s(config: cnn.Config, setting: Setting, device: Device | None = None) -> float:
    return len(setting.images().train_labels) / median(_epoch_times(config, setting, device)[1:])


def _epoch_times(config: cnn.Config, setting: Setting, device: Device | None = None) -> list[float]:
    """Seconds of each epoch, the first included. An epoch comes once its metrics are read."""
    torch.set_num_threads(1)
    device = device or choose()
    epochs = 2 if setting.rehearse or device.name == "cpu" else 4
    times = [time.perf_counter()]
    for _ in loop.train(config, setting.images(), seed=0, max_epochs=epochs, device=device):
        times.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(times)]


def _peak_flops(setting: Setting) -> float:
    """What the card reaches in a product of two matrices, FLOP/s."""
    size, repeats = (64, 2) if setting.rehearse else (8192, 20)
    a = torch.randn(size, size, device=choose().name, dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    _wait()
    start = time.perf_counter()
    for _ in range(repeats):
        a @ a
    _wait()
    return repeats * 2 * size**3 / (time.perf_counter() - start)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
