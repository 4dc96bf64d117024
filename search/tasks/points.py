"""Named configurations that a user asks for: a task's own by name, or the user's in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.errors import UserError
from search.tasks.config import Value
from search.tasks.task import Task

__all__ = ["Points", "find_points"]

Points = Mapping[str, Mapping[str, Value]]


def find_points(task: Task, given: str | Sequence[str] | Points) -> Points:
    """What is `given`, name → values as they stand; the rest of a configuration is the default.

    A text is the names of the task's points, with commas; or a .json file that holds an object of
    objects, name → hyperparameters; or that object itself. Raises UserError.
    """
    if isinstance(given, str):
        given = _read(given.strip())
    if isinstance(given, Mapping):
        return {_name(name): task.configure(_values(name, given[name])) for name in given}
    names = [name.strip() for name in given]
    for name in names:
        if name not in task.points:
            choices = ", ".join(task.points) or "none"
            raise UserError(f"{task.name} has no point {name!r}; there are: {choices}")
    return {name: task.configure(task.points[name]) for name in names}


def _read(text: str) -> Sequence[str] | Points:
    if text.startswith("{"):
        return _parsed(text, "--points")
    if not text.endswith(".json"):
        return text.split(",")
    try:
        return _parsed(Path(text).expanduser().read_text(encoding="utf-8"), text)
    except OSError as error:
        raise UserError(f"{text} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{text} is no UTF-8 text: {error}") from error


def _parsed(text: str, where: str) -> Points:
    try:
        points = json.loads(text)
    except ValueError as error:
        raise UserError(f"{where} is no JSON: {error}") from error
    if not isinstance(points, dict) or not points:
        raise UserError(
            f'{where} must hold an object, {{"NAME": {{"HYPERPARAMETER": VALUE, …}}, …}}; got '
            f"{text.strip()[:40]}"
        )
    return points


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"a point's name is a text, got {name!r}")
    return name


def _values(name: str, values: object) -> Mapping[str, Value]:
    if not isinstance(values, Mapping):
        raise UserError(f"point {name} must be an object of hyperparameters, got {values!r}")
    return values
