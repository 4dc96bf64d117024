"""What would the mean of several runs' predictions score? Costs no training.

R runs, each with predictions (N,) or (N, classes) that may be averaged: scores, probabilities.
`sign` is 1 where larger is better, else -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics.intervals import Estimate
from trainables.seeding import derive

__all__ = ["Ensemble", "best_ensemble", "ensemble_values", "select"]

MOST_MEMBERS = 10
RESAMPLES = 100

Objective = Callable[[np.ndarray, np.ndarray], float]
# Runs' predictions → the values of each (pseudo_values.py), (R, N).
Values = Callable[[Sequence[np.ndarray]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A selection, and what it is worth on examples that it was not selected on."""

    members: Sequence[int]  # runs, in the order they were taken; one may be taken again
    seen: float  # its score on all the examples, by which it was selected
    score: Estimate  # corrected for the selection
    gain: Estimate  # its score less that of the best single run, both selected alike


def select(
    objective: Objective,
    labels: np.ndarray,
    predictions: np.ndarray,
    *,
    sign: int,
    most: int = MOST_MEMBERS,
) -> list[int]:
    """Greedy selection with replacement (Caruana et al. 2004, doi:10.1145/1015330.1015432): again
    and again the run that makes the mean of those taken best; of the `most` means, the best one.

    labels (N,), predictions (R, N) or (R, N, classes). Where the score is defined of no run, the
    first is taken.
    """
    total = np.zeros_like(predictions[0], dtype=np.float64)
    members: list[int] = []
    best, best_length = -math.inf, 1
    for length in range(1, most + 1):
        scores_R = np.array([sign * objective(labels, (total + p) / length) for p in predictions])
        scores_R = np.where(np.isnan(scores_R), -np.inf, scores_R)
        taken = int(np.argmax(scores_R))
        members.append(taken)
        total += predictions[taken]
        if scores_R[taken] > best:
            best, best_length = float(scores_R[taken]), length
    return members[:best_length]


def best_ensemble(
    objective: Objective,
    labels: np.ndarray,
    predictions: Sequence[np.ndarray],
    *,
    sign: int,
    seed: int,
    most: int = MOST_MEMBERS,
    resamples: int = RESAMPLES,
) -> Ensemble:
    """Select on all examples; correct as `corrected_score` does (selection.py), with the selection
    inside each resample: selected on the drawn examples, scored on those left out.

    It is of these very runs: other seeds may give others.
    """
    stacked = np.stack(predictions).astype(np.float64)
    members = select(objective, labels, stacked, sign=sign, most=most)
    random = np.random.default_rng(derive(seed, "ensemble"))
    examples = len(labels)
    rows, left_out = [], 0
    for _ in range(resamples):
        drawn = random.integers(examples, size=examples)
        outside = np.setdiff1d(np.arange(examples), drawn)
        inside = stacked[:, drawn]
        chosen = select(objective, labels[drawn], inside, sign=sign, most=most)
        # The first that is taken is the best single run.
        pair = [stacked[chosen][:, outside].mean(axis=0), stacked[chosen[0]][outside]]
        rows.append([objective(labels[outside], p) if len(outside) else math.nan for p in pair])
        left_out += len(outside)
    share = left_out / (resamples * examples)
    scores_B2 = np.array(rows)
    return Ensemble(
        members=members,
        seen=objective(labels, stacked[members].mean(axis=0)),
        score=_estimate(scores_B2[:, 0], share),
        gain=_estimate(scores_B2[:, 0] - scores_B2[:, 1], share),
    )


def ensemble_values(
    values: Values, predictions: Sequence[np.ndarray], weights: Sequence[int]
) -> np.ndarray:
    """Values of an ensemble as if of several runs, (M, N): for intervals.py to tell what other
    seeds of its M members would have given.

    Tukey's jackknife (1958; Efron 1982, CBMS 38, ch. 3): its own values, and M - 1 times what
    leaving out one member makes of them. Their mean is its own: it is not corrected for bias, which
    would tell of an ensemble of ever more members. Where scores are means of predictions these are
    the members' own. Of one member alone nothing is known. Assumption: members are independent
    draws, their choice by these examples aside, whose optimism is to be taken off (`Ensemble.seen`
    less `score`).
    """
    members = len(predictions)

    def mean_without(member: int | None) -> np.ndarray:
        kept = [k for k in range(members) if k != member]
        total = sum(weights[k] * predictions[k].astype(np.float64) for k in kept)
        return np.asarray(total / sum(weights[k] for k in kept))

    if members == 1:
        return values(predictions)
    values_MN = values([mean_without(member) for member in (None, *range(members))])
    own_1N, without_MN = values_MN[:1], values_MN[1:]
    return np.asarray(own_1N + (members - 1) * (without_MN.mean(axis=0) - without_MN))


def _estimate(values_B: np.ndarray, share: float) -> Estimate:
    """Mean ± 1.96 spreads. Those left out, a share m / N, are drawn without replacement: their mean
    spreads by √((N − m) / m) times what that of N examples does."""
    known_B = values_B[~np.isnan(values_B)]
    if len(known_B) < 2:
        return Estimate(mean=math.nan, low=None, high=None)
    margin = 1.96 * float(known_B.std(ddof=1)) * math.sqrt(share / (1 - share))
    mean = float(known_B.mean())
    return Estimate(mean=mean, low=mean - margin, high=mean + margin)
