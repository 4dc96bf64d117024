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
from search.tasks.plain_value import plain_value
from search.tasks.task_checks import check_task
from search.tasks.user_code import user_code
from trainables import TrainingFunction
from trainables.data import HeldOut, Prepared
from trainables.export import ModelModule

_MODEL_FUNCTIONS = ("export", "load", "example", "typed")

__all__ = ["DataModule", "Task", "TestableData"]


class DataModule(Protocol):
    """What a task knows of its data. Imports nothing heavy: the driver loads it too.

    N validation examples. Predictions are (N,) or (N, classes), in the order of the labels.
    It may have `check(config, data)`, too: raises ValueError where `config` cannot be trained on
    `data`.
    """

    DATASETS: tuple[str, ...]  # names of data sets; the first is the default

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        """Find (or download), verify, parse once. `data_dir`: the only folder to look in, or None.

        Raises DataError (missing, damaged, malformed: trainables/errors.py).
        """
        ...

    def load(self, folder: Path) -> Any:
        """Memory-map what `prepare` made in `folder`; the same object each time."""
        ...

    def labels(self, data: Any) -> np.ndarray:
        """The validation labels, (N,)."""
        ...

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        """The objective, of labels (N,) and predictions; of all examples or of any resample.

        NaN where it is not defined, as a correlation of equal numbers.
        """
        ...

    # It may have `WITHOUT_VALIDATION`, too: those of DATASETS on which nothing can be chosen, since
    # their validation examples are some of those trained on.

    # It may have `per_example(labels, predictions)`, too: (N,) numbers whose mean is the objective
    # and whose spread is its noise. Without it intervals take 200 scorings a run.

    def baselines(self, data: Any) -> dict[str, np.ndarray]:
        """Validation predictions of what needs no training, by name."""
        ...


class TestableData(DataModule, Protocol):
    """Data that have a test split, which promotion needs. M test examples.

    It may have `check_test(dataset, data_dir)`, too: raises DataError where the test split is
    missing, without opening it; and `test_metrics(labels, predictions)`, scores by name, where
    others report more than the objective.
    """

    def test_hash(self, dataset: str) -> str:
        """A text that names the test split's content; known without opening it."""
        ...

    def load_test(self, dataset: str, data_dir: Path | None) -> HeldOut:
        """The test split: inputs, labels (M,), groups (M,).

        Raises SplitLockedError outside `unlocked_test_split` (trainables/test_split_lock.py),
        DataError.
        """
        ...

    def test_baselines(self, data: Any, test: HeldOut) -> dict[str, np.ndarray]:
        """Test predictions of what needs no training, (M,) or (M, classes), by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """One training job that can be searched. Raises UserError where a field cannot be so."""

    name: str
    # The objective's name among each epoch's metrics.
    metric: str
    mode: Literal["max", "min"] = "max"
    # A frozen dataclass: the hyperparameters with their defaults. It raises ValueError where one is
    # out of bounds. Values are text, numbers, bools or None.
    config: Callable[..., Any]
    # Define-by-run: draws by an Optuna trial (`trial.suggest_float("rate", …)`), and gives what it
    # drew as keyword arguments of `config`, each by the name it was drawn by. A name may be drawn
    # from other ranges in other branches.
    space: Callable[[Any], dict[str, Any]]
    # Named points of the space: name → keyword arguments of `config`.
    points: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    # Fixed hyperparameters → the names of the points that are run first and in full: the report's
    # own before our default.
    first_points: Callable[[Mapping[str, Value]], tuple[str, ...]] = lambda fixed: ()
    # Hyperparameters that are fixed where there is no GPU, unless the user sets them.
    without_gpu: Mapping[str, Value] = field(default_factory=dict)
    # The most GPUs that one trial can use; None: all that it is given, as by torch's DDP.
    most_gpus: int | None = 1
    # With a `model`, TestableData.
    data: DataModule
    # Itself, or "module:function", so that a driver need not import torch.
    train: str | TrainingFunction
    # "module:function" of pictures of a complete trial, as in trainables/cnn/figures.py.
    figures: str | None = None
    # Name of a module that is a ModelModule (trainables/export.py), for promotion.
    model: str | None = None
    # What several runs' predictions are, of which an ensemble takes the mean, as it is told:
    # scores, probabilities. "": they are not to be averaged.
    averaged: str = "scores"
    # Test scores that others have reported, by name.
    reported: Mapping[str, float] = field(default_factory=dict)
    # Fixed hyperparameters → the largest that a checkpoint can be, in MiB. None: not known.
    checkpoint_mib: Callable[[Mapping[str, Value]], float] | None = None
    # Defaults of a study's R, r and η in Li et al. 2020 (arXiv:1810.05934).
    max_epochs: int = 9
    min_epochs: int = 1
    reduction_factor: int = 3

    def __post_init__(self) -> None:
        check_task(self)

    def model_module(self) -> ModelModule:
        """The module that `model` names; imports torch. Raises UserError where it names none."""
        if self.model is None:
            raise UserError(f"task {self.name} names no model (Task.model): it has no promotion")
        with user_code(f"the model of task {self.name} cannot be imported"):
            module = importlib.import_module(self.model)
        missing = [name for name in _MODEL_FUNCTIONS if not callable(getattr(module, name, None))]
        if missing:
            raise UserError(
                f"Task.model must have the functions {', '.join(_MODEL_FUNCTIONS)} "
                f"(trainables/export.py); {', '.join(missing)} missing in {self.model}"
            )
        return cast(ModelModule, module)

    def testable_data(self) -> TestableData:
        """The data, with their test split. Raises UserError where they have none."""
        if not hasattr(self.data, "load_test"):
            raise UserError(f"task {self.name} has no test split (data.load_test)")
        return cast(TestableData, self.data)

    @property
    def sign(self) -> int:
        """What the objective is multiplied by so that larger is better."""
        return 1 if self.mode == "max" else -1

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float:
        """The data module's objective as a plain number, of labels (N,) and predictions."""
        with user_code(f"the objective of task {self.name} raises"):
            return float(self.data.objective(labels, predictions))

    @property
    def per_example(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
        """The data module's numbers of each example, whose mean is the objective, if it has any
        (search/statistics/pseudo_values.py)."""
        return getattr(self.data, "per_example", None)

    def training_function(self) -> TrainingFunction:
        """`train`, imported where it is a name."""
        function: TrainingFunction = (
            pkgutil.resolve_name(self.train) if isinstance(self.train, str) else self.train
        )
        return function

    def configure(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The whole configuration, defaults included. Raises UserError (out of bounds)."""
        try:
            config = dataclasses.asdict(self.config(**values))
        except ValueError as error:
            raise UserError(first_line(error)) from error
        return {name: plain_value(name, value) for name, value in config.items()}

    def check(self, values: Mapping[str, Value], data: Any) -> None:
        """Raises UserError if the data module says that these cannot be trained on `data`."""
        check = getattr(self.data, "check", None)
        if check is not None:
            try:
                check(self.config(**values), data)
            except ValueError as error:
                raise UserError(first_line(error)) from error

    def check_gpus(self, gpus_per_trial: float) -> None:
        """Raises UserError where a trial would leave GPUs idle."""
        if self.most_gpus is not None and gpus_per_trial > self.most_gpus:
            raise UserError(
                f"gpus_per_trial must be at most {self.most_gpus} for {self.name}, which would "
                f"leave the others idle; got {gpus_per_trial:g}: give it {self.most_gpus}, and "
                "more trials train at once (a task that uses several says so: Task.most_gpus)"
            )

    def first_trials(self, config: StudyConfig) -> list[tuple[str, dict[str, Value]]]:
        """The study's trials that are not drawn: name and whole configuration.

        Points that were asked for are run as they stand. Of the task's own the first is too (the
        report's); the others (our default) take the fixed values.
        """
        if config.given_points is not None:
            return config.given_points[: config.trials]
        names = self.first_points(config.fixed) if config.baseline else ()
        return [
            (name, self.configure({**self.points[name], **(config.fixed if number else {})}))
            for number, name in enumerate(names)
        ][: config.trials]
