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
    the configuration's to check. Raises UserError."""
    annotations = {
        field.name: typing.get_type_hints(task.config)[field.name]
        for field in dataclasses.fields(cast(Any, task.config))
    }
    if name not in annotations:
        raise UserError(
            f"{task.name} has no hyperparameter {name!r}; there are: {', '.join(annotations)}"
        )
    alternatives = typing.get_args(annotations[name])  # of X | None and Literal[...]
    if text.lower() == "none" and type(None) in alternatives:
        return None
    if all(isinstance(each, str) for each in alternatives) and alternatives:
        return text
    [kind, *others] = [k for k in alternatives if k is not type(None)] or [annotations[name]]
    if others or kind not in _PARSERS:
        raise UserError(f"{name} of {task.name} is {annotations[name]}, which cannot be typed here")
    parse, rule = _PARSERS[kind]
    try:
        return parse(text)
    except (ValueError, KeyError):
        raise UserError(f"{name} must be {rule}, got {text!r}") from None


_PARSERS: dict[Any, tuple[Callable[[str], Value], str]] = {
    bool: (lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a text"),
}
