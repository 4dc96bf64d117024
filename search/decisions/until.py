"""When a study has reached what it was to reach: "dev_pearson>=0.77". Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from search.errors import UserError

__all__ = ["Until", "parse_until"]

_FORM = re.compile(r"\s*(?P<metric>.*?)\s*(?P<sign>>=|<=|>|<|==?|!=)\s*(?P<value>[^<>=]*?)\s*")


@dataclass(frozen=True)
class Until:
    """A bound on the objective of a complete trial."""

    metric: str
    comparison: Literal[">=", "<="]
    bound: float

    def reached(self, value: float) -> bool:
        return value >= self.bound if self.comparison == ">=" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.bound:g}"


def parse_until(text: str, *, metric: str, mode: Literal["max", "min"]) -> Until:
    """`metric`, `mode`: the study's objective, the only metric that is known before the start.
    Raises UserError."""
    comparison: Literal[">=", "<="] = ">=" if mode == "max" else "<="
    example = f"{metric}{comparison}{0.77 if mode == 'max' else 0.1}"
    found = _FORM.fullmatch(text)
    if found is None:
        raise UserError(f"until takes METRIC{comparison}NUMBER, as {example!r}; got {text!r}")
    if found["metric"] != metric:
        raise UserError(
            f"until takes the study's objective, {metric}, as {example!r}; got {found['metric']!r}"
        )
    if found["sign"] != comparison:
        better = "larger" if mode == "max" else "smaller"
        raise UserError(
            f"until takes {comparison} for {metric}, of which a {better} one is better, as "
            f"{example!r}; got {found['sign']!r}"
        )
    try:
        bound = float(found["value"])
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise UserError(f"until takes a finite number, as {example!r}; got {found['value']!r}")
    return Until(metric, comparison, bound)
