"""What a training function reports of an epoch, as the record can keep it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from search.errors import UserError
from search.files.text import writable

__all__ = ["plain_metrics"]

# `float` reads these, or a part of them.
_NO_NUMBERS = str | bytes | bytearray | complex | np.complexfloating | np.timedelta64


def plain_metrics(metrics: Any, epoch: int, *, objective: str) -> dict[str, float]:
    """Finite floats by name, the objective among them. Raises UserError: why the trial has failed.

    What `float` would read, but is none (a text, the real part of a complex number) is refused.
    """
    if not isinstance(metrics, Mapping):
        raise UserError(
            f"the metrics of epoch {epoch} must be a dict of name and number, got "
            f"{type(metrics).__name__}"
        )
    plain: dict[str, float] = {}
    for name, value in metrics.items():
        if not isinstance(name, str):
            raise UserError(f"a metric's name must be text, got {name!r} at epoch {epoch}")
        kept = writable(name)
        if kept in plain:
            raise UserError(f"two metrics have the name {kept!r} at epoch {epoch}")
        plain[kept] = _number(kept, value, epoch)
    if objective not in plain:
        known = ", ".join(plain) or "none"
        raise UserError(f"no metric {objective!r} in the epoch's: {known}")
    for name, number in plain.items():
        if not math.isfinite(number):
            raise UserError(f"{name} is {number} at epoch {epoch}")
    return plain


def _number(name: str, value: Any, epoch: int) -> float:
    rule = f"metric {name!r} must be a number, at epoch {epoch}"
    shape = tuple(getattr(value, "shape", ()))
    if isinstance(value, _NO_NUMBERS) or math.prod(shape) != 1:
        raise UserError(f"{rule}; got {_shown(value)}")
    try:
        return float(value.item() if shape else value)
    except OverflowError:
        raise UserError(f"{rule} that a 64-bit float can hold; got {_shown(value)}") from None
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{rule}; got {_shown(value)}") from error


def _shown(value: Any) -> str:
    """The value and its type; of a long one the beginning."""
    try:
        text = repr(value)
    except Exception:
        text = "what has no repr"
    text = " ".join(text.split())
    return f"{text if len(text) <= 60 else f'{text[:57]}...'} ({type(value).__name__})"
