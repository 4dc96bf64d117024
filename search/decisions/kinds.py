"""One name may be drawn from several kinds of range, in other branches of a space. Pure.

Optuna wants one kind a name: the same choices, or the same type of number and scale. In the study
that it is shown, the first kind of a name keeps the name, and each further one has a name of its
own, so that each is modelled by itself. Nobody else sees these names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

__all__ = ["Kinds", "kind_asked_for", "kind_of"]

Kind = str


class Kinds:
    """Of each name the kind that was seen first."""

    def __init__(self) -> None:
        self._first: dict[str, Kind] = {}

    def qualify(self, name: str, kind: Kind) -> str:
        """The name by which Optuna knows that kind of it."""
        return name if self._first.setdefault(name, kind) == kind else f"{name} ({kind})"

    def qualified(self, named: Mapping[str, Any], ranges: Mapping[str, Any]) -> dict[str, Any]:
        """What is `named`, by Optuna's names. `ranges`: the distribution of each."""
        return {self.qualify(name, kind_of(ranges[name])): each for name, each in named.items()}


def kind_of(distribution: BaseDistribution) -> Kind:
    if isinstance(distribution, CategoricalDistribution):
        return repr(distribution.choices)
    log = getattr(distribution, "log", False)
    return _number("int" if isinstance(distribution, IntDistribution) else "float", log)


def kind_asked_for(method: str, range_: Sequence[Any], options: Mapping[str, Any]) -> Kind:
    """Of a call `trial.METHOD(name, *range_, **options)`; choices are a tuple."""
    if method == "suggest_categorical":
        return repr(options.get("choices", *range_[:1]))
    log = bool(options.get("log")) or method == "suggest_loguniform"
    return _number("int" if method == "suggest_int" else "float", log)


def _number(kind: str, log: bool) -> Kind:
    return f"{kind}, log" if log else kind
