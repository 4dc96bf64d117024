"""A hyperparameter's value as it is typed on the command line."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, cast

from search.errors import UserError
from search.tasks.config import Value
from search.tasks.task import Task

__all__ = ["parse_hyperparameter"]


def parse_hyperparameter(task: Task, name: str, text: str) -> Value:
    """A hyperparameter's value as typed on the command line, by its annotation; its bounds are
    the configuration's to check. Raises ValueError."""
    kinds = {
        field.name: typing.get_type_hints(task.config)[field.name]
        for field in dataclasses.fields(cast(Any, task.config))
    }
    if name not in kinds:
        raise UserError(
            f"{task.name} has no hyperparameter {name!r}; there are: {', '.join(kinds)}"
        )
    among = typing.get_args(kinds[name])  # of X | None and Literal[...]
    if text.lower() == "none" and type(None) in among:
        return None
    if all(isinstance(choice, str) for choice in among) and among:
        return text
    [kind, *others] = [k for k in among if k is not type(None)] or [kinds[name]]
    if others or kind not in _READ:
        raise UserError(f"{name} of {task.name} is {kinds[name]}, which cannot be typed here")
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
