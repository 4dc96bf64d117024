"""Points that another search has tried, in one JSON file: what they are and how they went.

    {"format": "known points 1", "source": "optuna:sqlite:///x.db", "study": "old",
     "metric": "score", "mode": "max",
     "points": [{"config": {"x": 0.3}, "state": "pruned", "value": 0.2, "curve": [[1, 0.2]]}, …]}

`curve`: [step, value] as the other search reported them; its steps need not be epochs.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from search.errors import UserError, first_line
from search.tasks.config import Value

__all__ = ["KnownPoint", "KnownPoints", "read_points", "write_points"]

FORMAT = "known points 1"
State = Literal["complete", "pruned", "failed"]
_MODES = ("max", "min")


@dataclass(frozen=True, kw_only=True)
class KnownPoint:
    """One configuration that was tried. Raises ValueError."""

    config: dict[str, Value]
    state: State
    value: float | None = None  # of the metric at the end; a failed one has none
    curve: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        values = self.config.values()
        if not all(v is None or isinstance(v, str | int | float | bool) for v in values):
            raise ValueError("a hyperparameter is text, a number, a bool or null")
        if self.state not in get_args(State):
            raise ValueError(f"state must be one of {get_args(State)}, got {self.state!r}")
        numbers = [value for _, value in self.curve]
        numbers += [] if self.value is None else [self.value]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a value is a finite number")
        if self.value is None and self.state == "complete":
            raise ValueError("a complete point has a value")


@dataclass(frozen=True, kw_only=True)
class KnownPoints:
    """What another search has tried, in its order."""

    source: str  # where it was taken from
    study: str  # its name there
    mode: Literal["max", "min"]
    metric: str | None = None  # None: it is not known by name
    points: list[KnownPoint]

    def best(self, count: int) -> list[KnownPoint]:
        """The best complete points, the best first; of equals, the earlier."""
        sign = 1 if self.mode == "max" else -1
        complete = [point for point in self.points if point.state == "complete"]
        return sorted(complete, key=lambda point: -sign * (point.value or 0.0))[:count]

    def __str__(self) -> str:
        states = Counter(point.state for point in self.points)
        counts = ", ".join(f"{states[s]} {s}" for s in get_args(State) if states[s])
        return f"{len(self.points)} points ({counts or 'none'})"


def write_points(path: Path, known: KnownPoints) -> None:
    """Whole or not at all. Raises OSError."""
    content = {"format": FORMAT, **dataclasses.asdict(known)}
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(json.dumps(content, allow_nan=False, indent=1), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_points(path: Path) -> KnownPoints:
    """The file may be somebody else's: it is checked, nothing in it is run. Raises UserError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT or content["mode"] not in _MODES:
            raise ValueError(f"format must be {FORMAT!r} and mode one of {_MODES}")
        points = [_point(each) for each in content.pop("points")]
        return KnownPoints(**content, points=points)
    except FileNotFoundError:
        raise UserError(
            f"there is no file {path}: `python -m search import --from optuna:URL` makes one"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is no file of known points: {first_line(error)}") from None


def _point(content: dict[str, Any]) -> KnownPoint:
    curve = [(int(step), float(value)) for step, value in content.pop("curve", [])]
    return KnownPoint(**content, curve=curve)
