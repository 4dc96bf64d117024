"""A task of somebody whose code fails in every way, each in a part of its space.

It is quick, and its state is a NumPy generator's: a resumed trial agrees with one that was never
stopped only if that was restored.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests import curve_task
from trainables import Epoch

EPOCH_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.7

    def __post_init__(self) -> None:
        if 0.40 <= self.x < 0.47:
            raise ValueError("from 0.40 to 0.47 it cannot be built")


def space(trial: Any) -> dict[str, Any]:
    x = trial.suggest_float("x", 0.0, 1.0)
    if 0.47 <= x < 0.53:
        raise LookupError("from 0.47 to 0.53 there is nothing")
    return {"x": x}


def train(
    config: Config, data: np.ndarray, *, seed: int, max_epochs: int, resume_from: Any = None
) -> Iterator[Epoch]:
    random = np.random.default_rng(seed)
    done, weights = 0, np.zeros(100)
    if resume_from is not None:
        done, weights = resume_from["epoch"], resume_from["weights"]
        random.bit_generator.state = resume_from["random"]
    for number in range(done + 1, max_epochs + 1):
        time.sleep(EPOCH_S)
        weights = weights + random.standard_normal(100)
        # The parts that fail are as good as any, so that their trials advance.
        score = 997 * config.x % 1 - 1 / (number + 1) + 1e-3 * float(weights.mean())
        _trouble(config.x, number)
        if number == 3 and 0.12 <= config.x < 0.20:
            score = float("nan")
        state = {"epoch": number, "weights": weights, "random": random.bit_generator.state}
        yield Epoch(
            number=number,
            metrics={"score": score},
            state=lambda state=state: state,
            predictions=lambda score=score: data * np.float32(score),
        )


def _trouble(x: float, epoch: int) -> None:
    if x < 0.06:
        raise RuntimeError("no such layer")
    if epoch == 2 and x < 0.12:
        sys.exit("no such optimiser")
    if epoch == 2 and 0.26 <= x < 0.30:
        # As a crash in a library: its process dies, and at each attempt again.
        os._exit(7)
    if epoch == 5 and (0.33 <= x < 0.38 or 0.53 <= x < 0.60):
        raise FloatingPointError("diverged")


TASK = dataclasses.replace(
    curve_task.TASK,
    name="chaos",
    config=Config,
    space=space,
    train=train,
    points={},
    first_points=lambda fixed: (),
)
