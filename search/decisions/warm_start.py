"""What a study knows from an earlier one, as its record keeps it. Pure.

Written into the study's origin when it is put on record, so that nothing of it depends on the
earlier study's being there still: a resume decides as the first driver did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.decisions.history import EpochEnd, Failure, Suggestion, Trial
from search.tasks.config import Value

__all__ = ["Known", "WarmStart", "warm_start_of"]

KEY = "warm_start"  # in a study's origin


@dataclass(frozen=True, kw_only=True)
class Known:
    """One trial of before."""

    config: Mapping[str, Value]  # all hyperparameters
    value: float | None  # the objective at its last epoch; None: it has failed


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Either `known` or `first` holds something; neither, of a study that begins with nothing."""

    # What the sampler is shown before the study's own trials, in the order they came.
    known: Sequence[Known] = field(default_factory=list)
    # What is tried first, in the place of what would be drawn: name → whole configuration.
    first: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def as_origin(self) -> dict[str, Any]:
        """For the study's row: plain values."""
        known = [[dict(each.config), each.value] for each in self.known]
        return {KEY: {"known": known, "first": {n: dict(c) for n, c in self.first.items()}}}

    def trials(self, metric: str) -> list[Trial]:
        """`known` as the sampler is shown trials. Their numbers are below those of the study's own,
        which begin with 0; -1 stays free, as Optuna counts from one more (sampler.py)."""
        before = len(self.known) + 1
        return [_trial(n - before, each, metric) for n, each in enumerate(self.known)]


def warm_start_of(origin: Mapping[str, Any]) -> WarmStart:
    """Of a study's origin, where it may be missing."""
    kept = origin.get(KEY, {})
    known = [Known(config=config, value=value) for config, value in kept.get("known", ())]
    return WarmStart(known=known, first=kept.get("first", {}))


def _trial(number: int, known: Known, metric: str) -> Trial:
    suggestion = Suggestion(trial=number, config=known.config, seed=0, source="warm start")
    trial = Trial(suggestion, target=1)
    if known.value is None:
        trial.failures.append(
            Failure(trial=number, attempt=0, epoch=1, reason="", traceback="", final=True)
        )
    else:
        trial.epochs.append(
            EpochEnd(
                trial=number,
                attempt=0,
                epoch=1,
                metrics={metric: known.value},
                cpu_s=0.0,
                wall_s=0.0,
                reset_s=0.0,
                decision="pause",
            )
        )
    return trial
