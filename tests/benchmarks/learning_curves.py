"""Learning curves of a pool of configurations, trained to the end once and kept as a data file.

The pool: the task's first named points, then random draws from its space, what has no GPU fixed.
Each is written as soon as it is finished, so an interrupted training loses at most one. The file
holds the objective at every epoch, under one or more `ways` to measure it:

cnn: `averaged`, the exponential average of the weights, and `raw`, the weights themselves. The
     average does not touch training, so one training with it gives both curves: a configuration
     that was drawn without one is averaged by the default's time constant.
sts: `last`, the objective of each epoch.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from search.decisions.sampler import draw_at_random
from search.tasks.registry import find_task
from search.tasks.task import Task
from trainables import Epoch
from trainables.seeding import derive

__all__ = ["Curve", "file_of", "read", "train_missing"]

MAX_EPOCHS = 9


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One configuration's training; a curve ends early where its loss was not finite."""

    name: str  # the named point, or "random"
    config: Mapping[str, Any]  # as drawn: the keyword arguments of the task's Config
    seed: int
    ways: Mapping[str, list[float]]  # the objective at epochs 1, 2, …


def file_of(task: str) -> Path:
    return Path(__file__).parent / "curves" / f"{task}.json"


def read(path: Path) -> list[Curve]:
    """The curves that the file holds, none if there is no file."""
    if not path.exists():
        return []
    return [Curve(**curve) for curve in json.loads(path.read_text())["curves"]]


def train_missing(name: str, path: Path, configurations: int) -> None:
    """Train until the file holds `configurations` curves; the first n are always the same."""
    torch.set_num_threads(1)
    task = find_task(name)
    data = task.data.load(task.data.prepare(task.data.DATASETS[0], None).folder)
    curves = read(path)
    for number in range(len(curves), configurations):
        point, config = _configuration(task, number)
        curve = _train(task, data, point, config, derive(0, "pool", "seed", number))
        curves.append(curve)
        _write(path, task, curves)
        ends = ", ".join(f"{way} {values[-1:]}" for way, values in curve.ways.items())
        print(f"{number:>3} {point}: {ends}", flush=True)


def _configuration(task: Task, number: int) -> tuple[str, dict[str, Any]]:
    named = task.first_points(task.without_gpu)
    if number < len(named):
        return named[number], dict(task.points[named[number]])
    return "random", draw_at_random(number, space=task.space, fixed=task.without_gpu, seed=0)


def _train(task: Task, data: Any, name: str, config: dict[str, Any], seed: int) -> Curve:
    trained = config | ({"averaging": "ema"} if task.name == "cnn" else {})
    ways: dict[str, list[float]] = {}
    epochs = task.training_function()(
        task.config(**trained), data, seed=seed, max_epochs=MAX_EPOCHS
    )
    for epoch in epochs:
        values = {"last": epoch.metrics[task.metric]}
        if task.name == "cnn":
            values = {"averaged": values["last"], "raw": _raw_accuracy(config, data, epoch)}
        if not all(map(math.isfinite, [*epoch.metrics.values(), *values.values()])):
            break
        for way, value in values.items():
            ways.setdefault(way, []).append(round(value, 6))
    return Curve(name=name, config=config, seed=seed, ways=ways)


@torch.inference_mode()
def _raw_accuracy(config: Mapping[str, Any], data: Any, epoch: Epoch) -> float:
    """Validation accuracy of the weights themselves, which the training function averages."""
    from trainables.cnn import Config
    from trainables.cnn.augment import normalise
    from trainables.cnn.model import build

    model = build(Config(**config), seed=0)
    model.load_state_dict(epoch.state()["model"])
    model.eval()
    images = torch.from_numpy(data.val_images).split(500)
    labels_N = torch.cat([model(normalise(batch)).argmax(1) for batch in images])
    return float((labels_N == torch.from_numpy(data.val_labels)).double().mean())


def _write(path: Path, task: Task, curves: list[Curve]) -> None:
    """One curve a line."""
    lines = ",\n".join(json.dumps(vars(curve)) for curve in curves)
    head = f'"task": "{task.name}", "metric": "{task.metric}", "max_epochs": {MAX_EPOCHS}'
    partial = path.with_suffix(f".{os.getpid()}.partial")
    path.parent.mkdir(exist_ok=True)
    partial.write_text(f'{{{head}, "curves": [\n{lines}\n]}}\n')
    partial.replace(path)
