"""The registry of tasks: the only place that joins a name, a space, a training job and a metric.

A task is a module of data, a space and a training function (trainables/, spaces/). A user's own
is named as `module:ATTRIBUTE`, where the attribute is a `Task`, and needs no change here.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, Protocol, cast

import numpy as np

from search.errors import UserError, first_line
from search.tasks.config import StudyConfig, Value
from trainables import TrainingFunction
from trainables.data import HeldOut, Prepared
from trainables.export import ModelModule

__all__ = [
    "NAMES",
    "DataModule",
    "InMemoryData",
    "Task",
    "TestableData",
    "find_task",
    "lies_in",
]


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


@dataclass(frozen=True, kw_only=True)
class InMemoryData:
    """A DataModule for data that is made or read in no time: nothing is prepared or cached."""

    make: Callable[[], Any]
    labels: Callable[[Any], np.ndarray]
    objective: Callable[[np.ndarray, np.ndarray], float]
    baselines: Callable[[Any], dict[str, np.ndarray]] = lambda data: {}
    DATASETS: tuple[str, ...] = ("default",)

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        made = self.load(Path("."))
        digest = hashlib.sha256(_source(self.make).encode())
        try:
            for part in _parts((self.labels(made), made)):
                digest.update(part)
        except RecursionError:
            raise UserError("data in memory must not hold themselves") from None
        return Prepared(folder=Path("."), hash=digest.hexdigest())

    def load(self, folder: Path) -> Any:
        return _made(self.make)


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


def _source(make: Callable[[], Any]) -> str:
    try:
        return inspect.getsource(make)
    except (TypeError, OSError):  # partial(...), or typed at a prompt
        return ""


_TOLD = (str, bytes, int, float, complex, datetime.date, datetime.timedelta, PurePath, range)


def _parts(data: Any) -> Iterator[bytes]:
    """All that data are made of. Raises ValueError for what has no content that can be told."""
    yield type(data).__qualname__.encode()
    if hasattr(data, "to_pandas"):  # a table of Arrow
        data = data.to_pandas()
    if data is None or isinstance(data, _TOLD):
        yield repr(data).encode()
    elif isinstance(data, Mapping) or hasattr(data, "columns"):  # or a table of pandas
        for name in sorted(data, key=repr):
            yield repr(name).encode()
            yield from _parts(data[name])
    elif isinstance(data, list | tuple):
        yield repr(len(data)).encode()
        for inner in data:
            yield from _parts(inner)
    elif hasattr(data, "__array__"):  # a tensor, a series
        array = _array(data)
        yield f"{array.dtype} {array.shape}".encode()
        if array.dtype.hasobject:
            yield from _parts(array.ravel().tolist())
        else:
            yield array.tobytes()
    elif callable(data) and hasattr(data, "__qualname__"):  # a function, as a transform is one
        yield f"{data.__module__} {data.__qualname__} {_source(data)}".encode()
    elif getattr(data, "__dict__", None):  # as a torch Dataset
        yield from _parts(vars(data))
    else:
        raise UserError(
            "data in memory are arrays, tensors, tables, numbers, texts, and what holds these, so "
            f"that a study knows its own; got {type(data).__qualname__}"
        )


def _array(data: Any) -> np.ndarray:
    """Raises ValueError. A tensor may be on a card, have a gradient, or a type of its own."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        data = data.float() if "bfloat16" in str(data.dtype) else data
    try:
        return np.asarray(data)
    except (TypeError, RuntimeError) as error:
        raise UserError(f"data in memory cannot be read as arrays: {error}") from None


@functools.lru_cache(maxsize=4)
def _made(make: Callable[[], Any]) -> Any:
    return make()


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

    def parse(self, name: str, text: str) -> Value:
        """A hyperparameter's value as typed on the command line, by its annotation; its bounds are
        the configuration's to check. Raises ValueError."""
        kinds = {
            field.name: typing.get_type_hints(self.config)[field.name]
            for field in dataclasses.fields(cast(Any, self.config))
        }
        if name not in kinds:
            raise UserError(
                f"{self.name} has no hyperparameter {name!r}; there are: {', '.join(kinds)}"
            )
        among = typing.get_args(kinds[name])  # of X | None and Literal[...]
        if text.lower() == "none" and type(None) in among:
            return None
        if all(isinstance(choice, str) for choice in among) and among:
            return text
        [kind, *others] = [k for k in among if k is not type(None)] or [kinds[name]]
        if others or kind not in _READ:
            raise UserError(f"{name} of {self.name} is {kinds[name]}, which cannot be typed here")
        read, rule = _READ[kind]
        try:
            return read(text)
        except (ValueError, KeyError):
            raise UserError(f"{name} must be {rule}, got {text!r}") from None


_READ: dict[Any, tuple[Callable[[str], Value], str]] = {
    bool: (lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a text"),
}


def _sts() -> Task:
    from spaces import sts as space
    from trainables.sts import Config, data

    return Task(
        name="sts",
        metric="dev_pearson",
        config=Config,
        space=space.space,
        points=space.POINTS,
        first_points=space.first_points,
        checkpoint_mib=space.checkpoint_mib,
        data=data,
        train="trainables.sts.train:train",
        model="trainables.sts.predict",
        reported={"the report's biLSTM, LN, MP": 0.576},
    )


def _cnn() -> Task:
    from spaces import cnn as space
    from trainables.cnn import Config, data

    return Task(
        name="cnn",
        metric="val_accuracy",
        config=Config,
        space=space.space,
        points=space.POINTS,
        first_points=space.first_points,
        checkpoint_mib=space.checkpoint_mib,
        without_gpu=space.WITHOUT_GPU,
        data=data,
        train="trainables.cnn.train:train",
        model="trainables.cnn.predict",
        figures="trainables.cnn.figures:figures",
        max_epochs=18,
        min_epochs=2,
    )


_REGISTRY: dict[str, Callable[[], Task]] = {"sts": _sts, "cnn": _cnn}
NAMES = tuple(_REGISTRY)


def find_task(name: str) -> Task:
    """The task of that name, or a user's own by `module:ATTRIBUTE`. Raises ValueError."""
    if name in _REGISTRY:
        return _REGISTRY[name]()
    module, _, attribute = name.partition(":")
    if not attribute:
        raise UserError(
            f"no task named {name!r}; there are: {', '.join(NAMES)}, "
            "or your own as module:ATTRIBUTE"
        )
    try:
        task = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a user's module may raise
        raise UserError(
            f"task {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from None
    if not isinstance(task, Task):
        raise UserError(f"{name} must be a search.tasks.Task, got {type(task).__name__}")
    return task


def lies_in(name: str, folder: Path) -> bool:
    """Whether a user's own task would be imported from that folder. Imports nothing."""
    top = name.partition(":")[0].partition(".")[0]
    if name in _REGISTRY or not top.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return any(Path(place).resolve().is_relative_to(folder) for place in places if place)
