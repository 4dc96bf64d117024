"""What can be searched: a task is a module of data, a space, a training function and a metric."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np

from search.errors import UserError, first_line
from search.tasks.config import StudyConfig, Value
from trainables import TrainingFunction
from trainables.data import HeldOut, Prepared
from trainables.export import ModelModule

__all__ = ["DataModule", "Task", "TestableData"]


class DataModule(Protocol):
    """What a task knows of its data. Imports nothing heavy: the driver loads it too."""

    DATASETS: tuple[str, ...]  # the first is the default

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        """Find (or download), verify, parse once. Raises DataError."""
        ...

    def load(self, folder: Path) -> Any:
        """Memory-map what `prepare` made; the same object each time."""
        ...

    def labels(self, data: Any) -> np.ndarray:
        """The validation labels, (N,)."""
        ...

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        """The objective, from validation labels and predictions."""
        ...

    def baselines(self, data: Any) -> dict[str, np.ndarray]:
        """Validation predictions of what needs no training, by name."""
        ...


class TestableData(DataModule, Protocol):
    """What promotion asks for beside."""

    def test_hash(self, dataset: str) -> str:
        """Names the test split's content without opening it."""
        ...

    def load_test(self, dataset: str, data_dir: Path | None) -> HeldOut:
        """Raises SplitLockedError outside `unlocked_test_split`, DataError."""
        ...

    def test_baselines(self, data: Any, test: HeldOut) -> dict[str, np.ndarray]:
        """Test predictions of what needs no training, by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """One training job that can be searched."""

    name: str
    metric: str  # the objective, among each epoch's metrics
    mode: Literal["max", "min"] = "max"
    config: Callable[
        ..., Any
    ]  # a frozen dataclass: the hyperparameters, with their defaults and bounds
    space: Callable[[Any], dict[str, Any]]  # an Optuna trial → keyword arguments of `config`
    points: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # named, in the space
    first_points: Callable[[Mapping[str, Value]], tuple[str, ...]] = lambda fixed: ()
    # ^ given what is fixed: the names of the points run first, the report's own before our default
    without_gpu: Mapping[str, Value] = field(default_factory=dict)  # fixed where there is none
    data: DataModule
    train: str | TrainingFunction  # "module:function", so that a driver need not import torch
    figures: str | None = None  # "module:function": pictures of a complete trial, as PNG
    model: str | None = None
    # ^ module of a ModelModule, for promotion; `data` then is TestableData
    reported: Mapping[str, float] = field(default_factory=dict)  # test scores of others, by name
    checkpoint_mib: Callable[[Mapping[str, Value]], float] | None = None
    # ^ given what is fixed: the largest that a checkpoint can be; None: not known
    max_epochs: int = 9
    min_epochs: int = 1
    reduction_factor: int = 3

    def model_module(self) -> ModelModule:
        """Imports torch. Raises ValueError where the task has none."""
        if self.model is None:
            raise UserError(f"task {self.name} names no model (Task.model): it has no promotion")
        return cast(ModelModule, importlib.import_module(self.model))

    def testable_data(self) -> TestableData:
        """Raises ValueError where the task has no test split."""
        if not hasattr(self.data, "load_test"):
            raise UserError(f"task {self.name} has no test split (data.load_test)")
        return cast(TestableData, self.data)

    @property
    def sign(self) -> int:
        """What the objective is multiplied by so that larger is better."""
        return 1 if self.mode == "max" else -1

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        """By the data module; a plain number, whatever that one gives."""
        return float(self.data.objective(labels, predictions))

    def training_function(self) -> TrainingFunction:
        function: TrainingFunction = (
            pkgutil.resolve_name(self.train) if isinstance(self.train, str) else self.train
        )
        return function

    def configure(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The whole configuration, defaults included. Raises ValueError."""
        try:
            return dataclasses.asdict(self.config(**values))
        except ValueError as error:
            raise UserError(first_line(error)) from error

    def check(self, values: Mapping[str, Value], data: Any) -> None:
        """Raises ValueError if the data module says that these cannot be trained on `data`."""
        check = getattr(self.data, "check", None)
        if check is not None:
            try:
                check(self.config(**values), data)
            except ValueError as error:
                raise UserError(first_line(error)) from error

    def first_trials(self, config: StudyConfig) -> list[tuple[str, dict[str, Value]]]:
        """The study's trials that are not drawn: name and whole configuration.

        The report's own configuration is run as it stands; our default takes the fixed values.
        """
        names = self.first_points(config.fixed) if config.baseline else ()
        return [
            (name, self.configure({**self.points[name], **(config.fixed if place else {})}))
            for place, name in enumerate(names)
        ][: config.trials]
