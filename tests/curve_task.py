"""A task whose training is a formula: real enough for the service, and quick.

The score of an epoch is quality·(1 − e^(−epoch)) plus noise from the trial's own generator, so that
a resumed trial agrees with one never stopped only if its state was restored.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.tasks.task import Task
from trainables import Epoch
from trainables.data import Prepared


@dataclass(frozen=True, kw_only=True)
class Config:
    x: float = 0.3  # in [0, 1]; best at .7
    kind: str = "plain"  # plain, bumpy
    bump: float = 0.0  # of kind bumpy
    epoch_s: float = 0.0  # time an epoch takes
    fault: str = "none"  # none, nan, raise, exit: what happens at epoch 2

    def __post_init__(self) -> None:
        if not 0 <= self.x <= 1:
            raise ValueError(f"x must be in [0, 1], got {self.x}")


def space(trial: Any) -> dict[str, Any]:
    drawn = {
        "x": trial.suggest_float("x", 0.0, 1.0),
        "kind": trial.suggest_categorical("kind", ["plain", "bumpy"]),
    }
    if drawn["kind"] == "bumpy":
        drawn["bump"] = trial.suggest_float("bump", 0.0, 1.0)
    return drawn


def train(
    config: Config, data: np.ndarray, *, seed: int, max_epochs: int, resume_from: Any = None
) -> Iterator[Epoch]:
    random = np.random.default_rng(seed)
    done = 0
    if resume_from is not None:
        done = resume_from["epoch"]
        random.bit_generator.state = resume_from["random"]
    quality = 1 - (config.x - 0.7) ** 2 - 0.1 * config.bump
    for number in range(done + 1, max_epochs + 1):
        time.sleep(config.epoch_s)
        if number == 2 and config.fault == "raise":
            raise RuntimeError("asked to fail")
        if number == 2 and config.fault == "exit":
            import os

            os._exit(1)
        print(f"epoch {number}")
        score = quality * (1 - np.exp(-number)) + 0.01 * random.standard_normal()
        if number == 2 and config.fault == "nan":
            score = float("nan")
        state = {"epoch": number, "random": random.bit_generator.state}
        yield Epoch(
            number=number,
            metrics={"score": float(score), "loss": float(1 - score)},
            state=lambda state=state: state,
            predictions=lambda score=score: data * np.float32(score),
        )


class _Data:
    DATASETS = ("ones",)

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        return Prepared(folder=Path("."), hash="ones")

    def load(self, folder: Path) -> np.ndarray:
        return np.ones(50, dtype=np.float32)

    def labels(self, data: np.ndarray) -> np.ndarray:
        return data

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        return float(1 - np.mean((labels - predictions) ** 2))

    def baselines(self, data: np.ndarray) -> dict[str, np.ndarray]:
        return {"zero": np.zeros_like(data)}


TASK = Task(
    name="curve",
    metric="score",
    config=Config,
    space=space,
    points={"start": {"x": 0.3, "kind": "plain"}, "default": {"x": 0.5, "kind": "plain"}},
    first_points=lambda fixed: ("start", "default"),
    most_gpus=None,
    data=_Data(),
    train=train,
)

FAULTY = dataclasses.replace(
    TASK,
    name="faulty",
    points={
        fault: {"x": 0.7, "kind": "plain", "fault": fault}
        for fault in ("none", "nan", "raise", "exit")
    },
    first_points=lambda fixed: ("none", "nan", "raise", "exit"),
)
