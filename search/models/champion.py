"""Who of the registered versions is champion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.errors import RegistryError
from search.models.registry import (
    registry_client,
    validation_predictions,
    version_with,
    weights_of,
)
from search.reports.numbers import estimate_text
from search.statistics.ensemble import ensemble_values
from search.statistics.intervals import Estimate, difference

__all__ = ["Registered", "decide_alias", "gain_over"]

_OPTIMISM = "optimism"
_COMPARABLE = ("data", "split", "metric")  # tags that must agree before two scores compare


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One version of a registered model."""

    name: str
    version: str
    alias: str  # champion or challenger
    why: str


def decide_alias(
    uri: str,
    name: str,
    version: str,
    *,
    values: Callable[[Sequence[np.ndarray]], np.ndarray],
    validation: np.ndarray,
    metric: str,
    sign: int,
    force: bool,
    optimism: float = 0.0,
    weights: Sequence[int] | None = None,
) -> Registered:
    """Name the version champion if there is none or it is beyond the noise better, else challenger.

    Compared are validation predictions (S, N …) of the final runs, of which `values` are taken
    (search/statistics/pseudo_values.py), so that a test score stays one that nothing was chosen by.
    `optimism`: how much better the version looks by having been chosen on these examples. It is
    taken off, as the champion's own is, which its tag tells. `weights`: of an ensemble, whose
    members' predictions these are.
    """
    client = registry_client(uri)
    champion = version_with(client, name, "champion")
    challenger = version_with(client, name, "challenger")
    alias, why = "champion", "there was none"
    if champion is not None and str(champion.version) == version:
        return Registered(name=name, version=version, alias=alias, why="it is already")
    if champion is not None:
        less, new_SN = sign * (optimism - _optimism(champion)), _values(values, validation, weights)
        old_weights = weights_of(champion.tags)

        def gain_on(old: np.ndarray) -> Estimate:
            return gain_over(new_SN, _values(values, old, old_weights), less)

        new = client.get_model_version(name, version)
        better, why = _better(client, champion, new, gain_on, metric=metric, sign=sign)
        alias = "champion" if better else "challenger"
    if force and alias != "champion":
        alias, why = "champion", f"forced, though {why}"
        client.set_model_version_tag(name, version, "forced", "true")
    if alias == "champion" and challenger is not None and str(challenger.version) == version:
        client.delete_registered_model_alias(name, "challenger")
    client.set_registered_model_alias(name, alias, version)
    client.set_model_version_tag(name, version, "alias_reason", why)
    client.set_model_version_tag(name, version, _OPTIMISM, repr(float(optimism)))
    return Registered(name=name, version=version, alias=alias, why=why)


def gain_over(new_SN: np.ndarray, old_SN: np.ndarray, less: float) -> Estimate:
    """Values of new runs minus those of old ones, less what only looks like a gain."""
    return difference(new_SN - less, old_SN, same_seeds=False)


def _values(
    values: Callable[[Sequence[np.ndarray]], np.ndarray],
    validation: np.ndarray,
    weights: Sequence[int] | None,
) -> np.ndarray:
    if weights is None:
        return values(list(validation))
    return ensemble_values(values, list(validation), weights)


def _optimism(version: Any) -> float:
    """Of a version that was registered before this was told, none is known: that is the safe side
    for a champion's."""
    return float(version.tags.get(_OPTIMISM, 0.0))


def _better(
    client: Any,
    champion: Any,
    new: Any,
    gain_on: Callable[[np.ndarray], Estimate],
    *,
    metric: str,
    sign: int,
) -> tuple[bool, str]:
    """Whether the version `new` is beyond the noise better than the champion, and in words.
    `gain_on`: the difference of its validation predictions from others."""
    differing = [k for k in _COMPARABLE if new.tags.get(k) != champion.tags.get(k)]
    if differing:
        return False, f"champion {champion.version} was measured on another {', '.join(differing)}"
    try:
        old = validation_predictions(client, champion)
    except RegistryError as error:
        return False, f"the predictions of champion {champion.version} cannot be read ({error})"
    gain = gain_on(old)
    better = gain.beyond_noise and sign * gain.mean > 0
    known = f"{'' if better else 'not '}better beyond the noise"
    if gain.low is None:
        known = "the noise unknown, as where one of them has a single seed"
    return better, (
        f"validation {metric} {estimate_text(gain.mean, gain.low, gain.high, signed=True)} "
        f"from champion {champion.version}, {known}, corrected for the choice by these examples"
    )
