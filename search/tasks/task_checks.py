"""Whether the fields of a task can be what they are: found out when it is made."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from search.errors import UserError
from search.tasks.config import MAX_COUNT

__all__ = ["check_task"]

MAX_NAME_LENGTH = 80  # a study's name is at most 100, and by default has the date and time too
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_DATA_FUNCTIONS = ("prepare", "load", "labels", "objective", "baselines")


def check_task(task: Any) -> None:
    """Raises UserError: which field, the rule, and what was given."""
    for name, rule, holds in _RULES:
        value = getattr(task, name)
        if not holds(value):
            raise UserError(f"Task.{name} must be {rule}; got {value!r}")
    _check_data(task.data)
    if task.max_epochs < task.min_epochs:
        raise UserError(
            f"Task.max_epochs must be at least Task.min_epochs ({task.min_epochs}); got "
            f"{task.max_epochs}"
        )


def _check_data(data: Any) -> None:
    missing = [name for name in _DATA_FUNCTIONS if not callable(getattr(data, name, None))]
    if missing:
        raise UserError(
            "Task.data must be a search.InMemoryData, or a module or object with the functions "
            f"{', '.join(_DATA_FUNCTIONS)}; {', '.join(missing)} missing in {data!r}"
        )
    per_example = getattr(data, "per_example", None)
    if per_example is not None and not callable(per_example):
        raise UserError(
            "Task.data.per_example must be a function of labels and predictions, or None; got "
            f"{per_example!r}"
        )
    names = getattr(data, "DATASETS", None)
    if not (isinstance(names, tuple | list) and names and all(isinstance(n, str) for n in names)):
        raise UserError(f"Task.data.DATASETS must be names, the default first; got {names!r}")


def _is_text(pattern: re.Pattern[str], length: int = 1000) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, str) and len(value) <= length and bool(pattern.fullmatch(value))
    )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _are_values(values: Any) -> bool:
    return isinstance(values, Mapping) and all(
        isinstance(name, str) and _is_plain(value) for name, value in values.items()
    )


def _are_points(points: Any) -> bool:
    return isinstance(points, Mapping) and all(
        isinstance(name, str) and _are_values(values) for name, values in points.items()
    )


def _are_scores(scores: Any) -> bool:
    return _are_values(scores) and all(
        isinstance(score, int | float) and math.isfinite(score) for score in scores.values()
    )


def _is_count(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= MAX_COUNT


_is_function_name = _is_text(_FUNCTION)
_is_module_name = _is_text(_MODULE)
_RULES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    (
        "name",
        "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most "
        f"{MAX_NAME_LENGTH}",
        _is_text(_NAME, MAX_NAME_LENGTH),
    ),
    ("metric", "a metric's name", lambda value: isinstance(value, str) and bool(value.strip())),
    ("mode", "'max' or 'min'", lambda value: value in ("max", "min")),
    (
        "config",
        "a dataclass",
        lambda value: isinstance(value, type) and dataclasses.is_dataclass(value),
    ),
    ("space", "a function of an Optuna trial", callable),
    ("points", "named points: name → hyperparameter → text, number, bool or None", _are_points),
    ("first_points", "a function of the fixed hyperparameters", callable),
    ("without_gpu", "hyperparameters with a text, number, bool or None each", _are_values),
    (
        "most_gpus",
        f"a whole number from 1 to {MAX_COUNT}, or None",
        lambda value: value is None or _is_count(1)(value),
    ),
    (
        "train",
        'a function, or the name of one as "module:function"',
        lambda value: callable(value) or _is_function_name(value),
    ),
    (
        "figures",
        'the name of a function as "module:function", or None',
        lambda value: value is None or _is_function_name(value),
    ),
    ("model", "a module's name, or None", lambda value: value is None or _is_module_name(value)),
    ("averaged", "text", lambda value: isinstance(value, str)),
    ("reported", "scores by name, finite numbers", _are_scores),
    (
        "checkpoint_mib",
        "a function of the fixed hyperparameters, or None",
        lambda value: value is None or callable(value),
    ),
    ("max_epochs", f"a whole number from 1 to {MAX_COUNT}", _is_count(1)),
    ("min_epochs", f"a whole number from 1 to {MAX_COUNT}", _is_count(1)),
    ("reduction_factor", f"a whole number from 2 to {MAX_COUNT}", _is_count(2)),
)
