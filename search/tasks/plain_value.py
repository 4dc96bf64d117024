"""A hyperparameter's value as the record can keep it, and gives it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from search.errors import UserError
from search.files.text import writable
from search.tasks.config import Value

__all__ = ["plain_or_text", "plain_value"]

MOST_BITS = 4096  # of a whole number


def plain_value(name: str, value: Any) -> Value:
    """The value; of a NumPy scalar the number that it is. Raises UserError for what is no plain
    value, or another one when it is read back."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if value is not None and not isinstance(value, str | int | float | bool):
        raise UserError(
            f"{name} is {value!r}: a hyperparameter is text, a number, a bool or None, as the "
            "record can keep it"
        )
    if isinstance(value, float) and math.isnan(value):
        raise UserError(f"{name} is nan, which equals no value; None can stand for what is not set")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise UserError(f"{name} is a whole number of more than {MOST_BITS} bits")
    if isinstance(value, str) and writable(value) != value:
        raise UserError(f"{name} is {value!r}: a text is what UTF-8 can hold, without NUL")
    plain: Value = value
    return plain


def plain_or_text(values: Mapping[str, Any]) -> dict[str, Value]:
    """What was drawn, to be shown: what is no plain value as text."""
    shown: dict[str, Value] = {}
    for name, value in values.items():
        try:
            shown[name] = plain_value(name, value)
        except UserError as refused:
            shown[name] = writable(str(refused))
    return shown
