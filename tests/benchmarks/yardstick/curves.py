"""Public learning curves as problems: what a configuration scores at each epoch, and its seconds.

LCBench  the surrogate of YAHPO Gym (Pfisterer et al. 2022) of the curves of Zimmer, Lindauer &
         Hutter 2021 (Apache-2.0): MLPs on 34 data sets, 7 hyperparameters, validation accuracy,
         seconds. It answers for any configuration; its curves are smoother than real ones. The
         first of its 52 epochs is before training (rank correlation with the end -.2 to .26 on
         four tasks, of its second .57 to .81), and is left out.
TaskSet  12 text RNN tasks × 1,000 configurations (Metz et al. 2020, Apache-2.0): 8 hyperparameters
         of Adam, 50 evaluations after the start, minus the validation loss, a second each. A table:
         a suggestion trains the nearest row (by the ranges of the space) that its study has not
         trained yet, whoever suggests; the suggestion is what is told of it. A row that is not
         finite fails at that epoch.

The folder is `../shared/data/curves` beside the repository, or $SEARCH_CURVES.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Curve", "Problem", "names", "problem", "thinned"]

_SHARED = Path(__file__).parents[4] / "shared" / "data" / "curves"
FOLDER = Path(os.environ.get("SEARCH_CURVES", _SHARED))
SAMPLE = 3000  # random configurations that say what is usual and, refined, what is best


@dataclass(frozen=True)
class Curve:
    """What one configuration does."""

    scores: np.ndarray  # at epochs 1, 2, …; larger is better; not finite: it fails there
    epoch_s: np.ndarray


@dataclass(frozen=True)
class Problem:
    """A task whose every epoch is known."""

    name: str
    space: Callable[[Any], dict[str, Any]]
    max_epochs: int
    # A study's own: which rows are taken is its affair.
    new_study: Callable[[], Callable[[Mapping[str, Any]], Curve]]
    best: float  # score at the end, of all that are known
    usual: float  # the median at the end of random configurations

    def regret(self, score: float) -> float:
        """0 for the best, 1 for what is usual, or worse."""
        return min(max((self.best - score) / (self.best - self.usual), 0.0), 1.0)


def names() -> list[str]:
    """All 46, in an order that mixes them, so that the first few stand for all."""
    found = [f"lcbench {task}" for task in _lcbench_tasks()]
    found += [f"taskset {file.stem.partition('imdb_')[2]}" for file in _taskset_files()]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


@functools.cache
def problem(name: str) -> Problem:
    """Of one of `names()`."""
    suite, _, task = name.partition(" ")
    return _lcbench(task) if suite == "lcbench" else _taskset(task)


def thinned(full: Problem, epochs: int) -> Problem:
    """Of that problem so many epochs at even distances, the last with them, each as long as those
    that it stands for."""
    at = np.rint(np.arange(1, epochs + 1) * full.max_epochs / epochs).astype(int) - 1

    def new_study() -> Callable[[Mapping[str, Any]], Curve]:
        curve_of = full.new_study()

        def curve(config: Mapping[str, Any]) -> Curve:
            whole = curve_of(config)
            return Curve(whole.scores[at], np.diff(np.cumsum(whole.epoch_s)[at], prepend=0.0))

        return curve

    return dataclasses.replace(full, max_epochs=epochs, new_study=new_study)


# LCBench

LCBENCH_EPOCHS = 51
_CONTINUOUS = (
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "num_layers",
    "max_units",
    "max_dropout",
)


def lcbench_space(trial: Any) -> dict[str, Any]:
    """The ranges of its config_space.json."""
    return {
        "batch_size": trial.suggest_int("batch_size", 16, 512, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "momentum": trial.suggest_float("momentum", 0.1, 0.99),
        "weight_decay": trial.suggest_float("weight_decay", 1e-5, 1e-1),
        "num_layers": trial.suggest_int("num_layers", 1, 5),
        "max_units": trial.suggest_int("max_units", 64, 1024, log=True),
        "max_dropout": trial.suggest_float("max_dropout", 0.0, 1.0),
    }


def _lcbench_tasks() -> list[str]:
    space = json.loads((FOLDER / "lcbench" / "config_space.json").read_text())
    (tasks,) = (h for h in space["hyperparameters"] if h["name"] == "OpenML_task_id")
    return list(tasks["choices"])


@functools.cache
def _surrogate() -> Any:
    """Imports onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(FOLDER / "lcbench" / "model.onnx"), options)


def _lcbench(task: str) -> Problem:
    codes = json.loads((FOLDER / "lcbench" / "encoding.json").read_text())
    code = codes["OpenML_task_id"][task]

    def curve(config: Mapping[str, Any]) -> Curve:
        row = [config[name] for name in _CONTINUOUS]
        rows = [[epoch, *row] for epoch in range(2, LCBENCH_EPOCHS + 2)]
        accuracy, seconds = _ask(code, np.array(rows, np.float32))
        # An epoch takes a like share of all: what it says of a single one is too rough.
        return Curve(accuracy, np.full(LCBENCH_EPOCHS, seconds[-1] / LCBENCH_EPOCHS))

    best, usual = _best_and_usual(lambda rows: _ask(code, rows)[0])
    return Problem(f"lcbench {task}", lcbench_space, LCBENCH_EPOCHS, lambda: curve, best, usual)


def _ask(code: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Validation accuracy, and seconds since the start, of rows (N, 8)."""
    codes = np.full((len(rows), 1), code, np.int32)
    (found,) = _surrogate().run(None, {"x_cat": codes, "x_cont": rows.astype(np.float32)})
    return found[:, 1].astype(float), found[:, 0].astype(float)


def _best_and_usual(ask: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """By random configurations, then by steps from the best of them; the seed is fixed."""
    low = np.array([math.log(16), math.log(1e-4), 0.1, 1e-5, 1, math.log(64), 0.0])
    high = np.array([math.log(512), math.log(1e-1), 0.99, 1e-1, 5, math.log(1024), 1.0])
    random = np.random.default_rng(0)
    points = random.random((SAMPLE, 7))
    values = ask(_rows(low + points * (high - low)))
    usual = float(np.median(values))
    for width in (0.2, 0.1, 0.05, 0.02):
        top = points[np.argsort(-values)[:30]]
        near = top.repeat(20, axis=0) + width * random.standard_normal((600, 7))
        points = np.concatenate([top, np.clip(near, 0, 1)])
        values = ask(_rows(low + points * (high - low)))
    return float(values.max()), usual


def _rows(points: np.ndarray) -> np.ndarray:
    rows = points.copy()
    rows[:, [0, 1, 5]] = np.exp(rows[:, [0, 1, 5]])
    rows[:, [0, 4, 5]] = np.rint(rows[:, [0, 4, 5]])
    return np.concatenate([np.full((len(rows), 1), LCBENCH_EPOCHS + 1), rows], axis=1)


# TaskSet

# Of the distribution that its configurations were drawn from ("Adam8p"); of betas, 1 − beta.
_ADAM = {
    "learning_rate": (1e-8, 1e1),
    "beta1": (1e-4, 1.0),
    "beta2": (1e-6, 1.0),
    "epsilon": (1e-10, 1e3),
    "l1": (1e-8, 1e1),
    "l2": (1e-8, 1e1),
    "linear_decay": (1e-7, 1e-4),
    "exponential_decay": (1e-6, 1e-3),
}


def taskset_space(trial: Any) -> dict[str, Any]:
    return {name: trial.suggest_float(name, *range_, log=True) for name, range_ in _ADAM.items()}


def _taskset_files() -> list[Path]:
    return sorted((FOLDER / "taskset").glob("*.npz"))


def _taskset(task: str) -> Problem:
    (file,) = (f for f in _taskset_files() if f.stem.partition("imdb_")[2] == task)
    with np.load(file) as table:
        hp, losses = table["hp"].astype(float), table["valid"][:, 1:].astype(float)
    hp[:, 1:3] = 1 - hp[:, 1:3]
    rows, scores = _places(hp), -losses
    ends = np.where(np.isfinite(scores).all(axis=1), scores[:, -1], -np.inf)

    def new_study() -> Callable[[Mapping[str, Any]], Curve]:
        taken = np.zeros(len(rows), bool)

        def curve(config: Mapping[str, Any]) -> Curve:
            place = _places(np.array([[config[name] for name in _ADAM]]))
            distances = np.where(taken, np.inf, ((rows - place) ** 2).sum(axis=1))
            row = int(np.argmin(distances))
            taken[row] = True
            return Curve(scores[row], np.ones(scores.shape[1]))

        return curve

    return Problem(
        f"taskset {task}",
        taskset_space,
        losses.shape[1],
        new_study,
        float(ends.max()),
        float(np.median(ends)),
    )


def _places(values: np.ndarray) -> np.ndarray:
    """(N, 8) hyperparameters in 0 to 1 of their ranges."""
    low, high = np.log(np.array(list(_ADAM.values()))).T
    return (np.log(np.maximum(values, 1e-12)) - low) / (high - low)
