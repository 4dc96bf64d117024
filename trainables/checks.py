"""What every configuration checks of itself before its own bounds."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

__all__ = ["check_types"]

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
}


def check_types(config: Any) -> None:
    """Raise ValueError where a plain field of a dataclass holds a value of another type.

    A whole number is a float too; True is no number. Fields of other types are left alone.
    """
    for field in fields(config):
        value, expected = getattr(config, field.name), str(field.type)
        types = _TYPES.get(expected.removesuffix(" | None"))
        if types is None or (value is None and expected.endswith(" | None")):
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            actual = type(value).__name__
            raise ValueError(f"{field.name} must be {expected}, got {value!r} ({actual})")
