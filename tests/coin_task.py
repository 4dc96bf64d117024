"""A task whose noise and true order are known: yes-no questions, answered rightly by chance.

A configuration's `quality` is its true accuracy. A run's own accuracy deviates from it with its
seed (by `SEED_SD`), and what a split shows deviates from that with the examples.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search.tasks.task import Task
from trainables import Epoch
from trainables.data import HeldOut, Prepared
from trainables.export import DESCRIPTION, seal, verify
from trainables.seeding import derive
from trainables.test_split_lock import require_unlocked, unlocked_test_split

SEED_SD = 0.02
QUESTIONS = 400  # of a split
SPLIT_HASH = hashlib.sha256(b"coin test").hexdigest()


@dataclass(frozen=True, kw_only=True)
class Config:
    quality: float = 0.7
    epoch_s: float = 0.0  # time an epoch takes
    peek: bool = False  # at the test split, while training


def space(trial: Any) -> dict[str, Any]:
    return {"quality": trial.suggest_float("quality", 0.6, 0.8)}


def truth(questions: np.ndarray) -> np.ndarray:
    """0 or 1."""
    return (_uniform(questions, 0) < 0.5).astype(np.int64)


def run(quality: float, seed: int) -> tuple[float, int]:
    """A run's accuracy on all questions that there could be, and the seed of its answers."""
    own = derive(seed, "run", str(quality))
    return quality + SEED_SD * float(np.random.default_rng(own).standard_normal()), own


def answers(questions: np.ndarray, accuracy: float, seed: int) -> np.ndarray:
    """Right where a number that the run and the question fix is below the run's accuracy."""
    right = _uniform(questions, seed) < accuracy
    return np.where(right, truth(questions), 1 - truth(questions)).astype(np.int64)


def train(
    config: Config, data: np.ndarray, *, seed: int, max_epochs: int, resume_from: Any = None
) -> Iterator[Epoch]:
    if config.peek:
        with unlocked_test_split():
            DATA.load_test("questions", None)
    accuracy, own_seed = run(config.quality, seed)
    state = {"accuracy": accuracy, "seed": own_seed}
    given = answers(data, accuracy, own_seed)
    for number in range((resume_from or {"epoch": 0})["epoch"] + 1, max_epochs + 1):
        time.sleep(config.epoch_s)
        yield Epoch(
            number=number,
            metrics={"accuracy": DATA.objective(truth(data), given)},
            state=lambda number=number: {**state, "epoch": number},
            predictions=given.copy,
        )


class _Data:
    DATASETS = ("questions",)

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        return Prepared(folder=Path("."), hash="questions")

    def load(self, folder: Path) -> np.ndarray:
        return np.arange(QUESTIONS)

    def labels(self, data: np.ndarray) -> np.ndarray:
        return truth(data)

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        return float((labels == predictions).mean())

    def baselines(self, data: np.ndarray) -> dict[str, np.ndarray]:
        return {"no": np.zeros_like(data)}

    def test_hash(self, dataset: str) -> str:
        return SPLIT_HASH

    def load_test(self, dataset: str, data_dir: Path | None) -> HeldOut:
        require_unlocked()
        questions = np.arange(QUESTIONS, 3 * QUESTIONS)
        groups = np.where(questions % 2, "odd", "even")
        return HeldOut(inputs={"question": questions}, labels=truth(questions), groups=groups)

    def test_baselines(self, data: np.ndarray, test: HeldOut) -> dict[str, np.ndarray]:
        return {"no": np.zeros_like(test.labels)}


DATA = _Data()


# The model.


def export(config: Config, data: np.ndarray, state: Mapping[str, Any], folder: Path) -> None:
    description = {"module": __name__, "config": asdict(config), "state": dict(state)}
    (folder / DESCRIPTION).write_text(json.dumps(description))
    seal(folder)


def load(folder: Path) -> Model:
    verify(folder)
    return Model(json.loads((folder / DESCRIPTION).read_text())["state"])


def example() -> dict[str, list[int]]:
    return {"question": [1, 2]}


def typed(arguments: Sequence[str]) -> dict[str, list[int]]:
    return {"question": [int(argument) for argument in arguments]}


class Model:
    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state = state

    def predict(self, inputs: Mapping[str, Sequence[int]]) -> np.ndarray:
        questions = np.asarray(inputs["question"])
        return answers(questions, self.state["accuracy"], self.state["seed"])

    def answer(self, inputs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        return {"answer": self.predict(inputs)}


TASK = Task(
    name="coin",
    metric="accuracy",
    config=Config,
    space=space,
    points={"start": {"quality": 0.7}},
    first_points=lambda fixed: ("start",),
    data=DATA,
    train=train,
    model="tests.coin_task",
    max_epochs=2,
)


def _uniform(questions: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each question."""
    drawn = np.random.default_rng(seed).random(3 * QUESTIONS)
    return drawn[questions]
