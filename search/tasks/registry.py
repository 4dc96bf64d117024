"""The registry of tasks: the only place that joins a name, a space, a training job and a metric.

A user's own task is named as `module:ATTRIBUTE`, where the attribute is a `Task`, and needs no
change here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from search.errors import UserError, first_line
from search.tasks.defined_here import MAIN, find_defined_here
from search.tasks.task import Task
from search.tasks.user_code import with_place

__all__ = ["NAMES", "find_task", "is_imported_from", "is_loaded", "module_file"]


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
        averaged="probabilities",
        figures="trainables.cnn.figures:figures",
        max_epochs=18,
        min_epochs=2,
    )


_REGISTRY: dict[str, Callable[[], Task]] = {"sts": _sts, "cnn": _cnn}
NAMES = tuple(_REGISTRY)


def find_task(name: str) -> Task:
    """The task of that name, or a user's own by `module:ATTRIBUTE`. Raises UserError."""
    if name in _REGISTRY:
        return _REGISTRY[name]()
    if name.startswith(f"{MAIN}:"):
        return find_defined_here(name)
    module, _, attribute = name.partition(":")
    if not attribute:
        raise UserError(
            f"no task named {name!r}; there are: {', '.join(NAMES)}, "
            "or your own as module:ATTRIBUTE"
        )
    try:
        task = getattr(importlib.import_module(module), attribute)
    except UserError as error:
        raise UserError(f"task {name!r}: {first_line(error)}") from None
    except (Exception, SystemExit) as error:  # whatever a user's module may raise
        raise UserError(f"task {name!r} cannot be imported: {with_place(error)}") from None
    if not isinstance(task, Task):
        raise UserError(f"{name} must be a search.tasks.Task, got {type(task).__name__}")
    return task


def is_loaded(name: str) -> bool:
    """Whether the task is ours, or one of a module that this process has imported already."""
    module = name.partition(":")[0]
    return name in _REGISTRY or (module in sys.modules and module != MAIN)


def module_file(module: str) -> str | None:
    """The file that a module would be imported from, or its package. Imports nothing."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top) if top.isidentifier() else None
    except (ValueError, ImportError):
        return None
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or []), None)


def is_imported_from(name: str, folder: Path) -> bool:
    """Whether a user's own task would be imported from that folder. Imports nothing."""
    top = name.partition(":")[0].partition(".")[0]
    if name in _REGISTRY or not top.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):
        return False
    locations = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return any(
        Path(location).resolve().is_relative_to(folder) for location in locations if location
    )
