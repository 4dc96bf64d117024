"""How long a study has still to go, as an interval: what is left, played through many times. Pure.

`playthrough.py` says how one sample is drawn. Calibrated by tests/benchmarks/eta.py.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from search.decisions.history import EpochEnd, History, Suggestion, Trial
from search.decisions.playthrough import Playthrough
from search.tasks.config import StudyConfig

__all__ = ["Remaining", "interval_of", "measured", "planned", "remaining", "sample"]

SAMPLES = 40


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Seconds to the end: the median, and an interval that holds it in 80 of 100 cases."""

    median_s: float
    low_s: float
    high_s: float


def remaining(
    history: History,
    config: StudyConfig,
    *,
    full_length: int,
    metric: str,
    sign: int,
    now: float,
    earlier: Sequence[Trial] = (),
    count: int = SAMPLES,
) -> Remaining | None:
    """None while no epoch has ended: it is unknown. `now`: Unix time in s. `sign`: 1 where a
    larger metric is better, else -1. `earlier`: trials of before the study, such as those of
    another one, or of a calibration; their numbers say which are named points."""
    random = Random(f"{config.seed} {len(history.event_trials)}")
    return interval_of(
        [
            sample(history, config, full_length, metric, sign, now, random, earlier)
            for _ in range(count if history.trained or earlier else 0)
        ]
    )


def interval_of(seconds: list[float]) -> Remaining | None:
    """Of samples of the time left."""
    if not seconds:
        return None
    if len(seconds) == 1:
        return Remaining(median_s=seconds[0], low_s=seconds[0], high_s=seconds[0])
    tenths = statistics.quantiles(seconds, n=10, method="inclusive")
    return Remaining(median_s=tenths[4], low_s=tenths[0], high_s=tenths[8])


def sample(
    history: History,
    config: StudyConfig,
    full_length: int,
    metric: str,
    sign: int,
    now: float,
    random: Random,
    earlier: Sequence[Trial] = (),
) -> float:
    """One of the times that may be left, in s. An epoch has ended, of the study or `earlier`."""
    return Playthrough(history, config, full_length, metric, sign, random, earlier).seconds(now)


def planned(left: Remaining) -> Remaining:
    """As a plan tells it: the high end is at most twice the low one."""
    excess = math.sqrt(max(left.high_s / (2 * left.low_s), 1.0)) if left.low_s else 1.0
    low_s, high_s = left.low_s * excess, left.high_s / excess
    return Remaining(median_s=min(max(left.median_s, low_s), high_s), low_s=low_s, high_s=high_s)


def measured(number: int, epoch_s: float, metrics: Mapping[str, float], reset_s: float) -> Trial:
    """A trial of before the study, of which one epoch was measured."""
    epoch = EpochEnd(
        trial=number,
        attempt=0,
        epoch=1,
        metrics=metrics,
        cpu_s=epoch_s,
        wall_s=epoch_s,
        reset_s=reset_s,
        decision="pause",
    )
    suggestion = Suggestion(trial=number, config={}, seed=0, source="measured")
    return Trial(suggestion, epochs=[epoch], epoch_times=[0.0], target=1)
