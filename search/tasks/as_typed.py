"""A study's settings as options of `run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["as_typed"]


def as_typed(name: str, value: Any) -> list[str]:
    """A setting of `search.run` (a field of StudyConfig, or another keyword) on the command line;
    nothing where it is not set."""
    if value is None:
        return []
    if name == "fixed":
        return [text for key, inner in value.items() for text in ("--set", f"{key}={inner}")]
    if name == "points":
        return ["--points", value if isinstance(value, str) else _points(value)]
    if name == "baseline":
        return [] if value else ["--no-baseline"]
    option = "--" + name.removesuffix("_s").replace("_", "-")
    if isinstance(value, bool):
        return [option] if value else []
    whole = isinstance(value, float) and value.is_integer()
    return [option, str(int(value) if whole else value)]


def _points(points: Any) -> str:
    if isinstance(points, Mapping):
        return json.dumps({name: dict(point) for name, point in points.items()})
    return ",".join(points)
