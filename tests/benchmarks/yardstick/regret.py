"""What traces tell of a method: interquartile means, and their bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.yardstick.simulator import Trace

__all__ = ["Goal", "Row", "goal_of", "interval", "iqm", "row"]

RESAMPLES = 1000


def iqm(values: np.ndarray) -> float:
    """The mean of the middle half; a share of a value counts by that share."""
    ordered = np.sort(np.asarray(values, float).ravel())
    quarter = len(ordered) / 4
    edges = np.arange(len(ordered))
    weights = np.clip(np.minimum(edges + 1 - quarter, 3 * quarter - edges), 0, 1)
    counted = weights > 0
    return float((ordered[counted] * weights[counted]).sum() / weights.sum())


def interval(values_TS: np.ndarray) -> tuple[float, float]:
    """95%: tasks are drawn with replacement, and seeds within each."""
    random = np.random.default_rng(0)
    T, S = values_TS.shape
    found = []
    for _ in range(RESAMPLES):
        tasks = random.integers(T, size=T)
        seeds = random.integers(S, size=(T, S))
        found.append(iqm(values_TS[tasks[:, None], seeds]))
    low, high = np.quantile(found, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


@dataclass(frozen=True)
class Goal:
    """Of a task: what today's ASHA + TPE comes to, and what it costs; medians over seeds."""

    regret: float
    epochs: float
    seconds: float


def goal_of(reference: list[Trace]) -> Goal:
    """`reference`: whole studies of one task, a seed each."""
    return Goal(
        regret=float(np.median([trace.complete[-1] for trace in reference])),
        epochs=float(np.median([len(trace.complete) for trace in reference])),
        seconds=float(np.median([trace.at_s[-1] for trace in reference])),
    )


@dataclass(frozen=True)
class Row:
    """Of one method on all tasks. T tasks, S seeds."""

    regrets: dict[str, np.ndarray]  # (T, S) by the moment
    # To the goal, as a share of the reference's, at most 2; the median over seeds.
    epochs_T: np.ndarray
    seconds_T: np.ndarray
    decision_ms: float  # of CPU, a trial begun
    trials: float  # begun within the reference's epochs and once more, the mean


MOMENTS = (0.25, 0.5, 1.0)


def row(goals: list[Goal], traces: list[list[Trace]]) -> Row:
    """Of `traces`, a list of seeds for each task."""
    regrets = {}
    for share in MOMENTS:
        regrets[f"{share:g} epochs"] = _each(
            goals, traces, lambda goal, trace, share=share: trace.after(share * goal.epochs)
        )
        regrets[f"{share:g} time"] = _each(
            goals, traces, lambda goal, trace, share=share: trace.at(share * goal.seconds)
        )
        regrets[f"{share:g} seen"] = _each(
            goals,
            traces,
            lambda goal, trace, share=share: trace.after(share * goal.epochs, seen=True),
        )
    epochs_TS = _each(goals, traces, lambda g, trace: trace.epochs_to(g.regret) / g.epochs)
    seconds_TS = _each(goals, traces, lambda g, trace: trace.seconds_to(g.regret) / g.seconds)
    every = [trace for seeds in traces for trace in seeds]
    return Row(
        regrets=regrets,
        epochs_T=_median(epochs_TS),
        seconds_T=_median(seconds_TS),
        decision_ms=1000 * sum(t.decision_s for t in every) / sum(t.trials for t in every),
        trials=float(np.mean([trace.trials for trace in every])),
    )


def _each(goals, traces, of) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.array(
        [[of(goal, trace) for trace in seeds] for goal, seeds in zip(goals, traces, strict=True)]
    )


def _median(values_TS: np.ndarray) -> np.ndarray:
    """Over seeds; of an even number the higher of the middle two, since inf has no mean."""
    return np.minimum(np.sort(values_TS, axis=1)[:, values_TS.shape[1] // 2], 2.0)
