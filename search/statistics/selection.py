"""How good is the best of many configurations, on examples it was not chosen on?

Arguments as in search/statistics/intervals.py: B resamples, N examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search.statistics.intervals import RESAMPLES, Estimate, Objective, resample_examples
from trainables.seeding import derive

__all__ = ["corrected_score"]


def corrected_score(
    objective: Objective,
    labels: np.ndarray,
    predictions: Sequence[np.ndarray],
    *,
    sign: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The expected score of "the best of these C configurations", on examples it was not chosen on.

    `labels` (N,); `predictions`: of each configuration, one run's (N,) or (N, classes). The
    interval is not known where the score is defined on no resample.

    BBC-CV, Tsamardinos et al. 2018 (doi:10.1007/s10994-018-5714-4), Algorithm 5: choose on
    resampled examples, score the choice on those left out. It corrects for the choice by these
    examples, not for the luck of the seeds. One deviation: the m examples left out (about .37 N)
    give scores that spread more than those of N do, by √(N/m); the interval is narrowed by that,
    else it would hold its 95% far too often.
    """
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "corrected"))
    scores = np.empty(resamples)
    left_out = np.empty(resamples)
    for b, drawn in enumerate(draws_BN):
        inside = np.array([sign * objective(labels[drawn], p[drawn]) for p in predictions])
        chosen = predictions[int(np.argmax(np.where(np.isnan(inside), -np.inf, inside)))]
        outside = np.ones(len(labels), dtype=bool)
        outside[drawn] = False
        scores[b] = objective(labels[outside], chosen[outside])
        left_out[b] = outside.sum()
    known = scores[~np.isnan(scores)]
    if not len(known):
        return Estimate(mean=math.nan, low=None, high=None)
    mean = float(known.mean())
    low, high = mean + (np.percentile(known, [2.5, 97.5]) - mean) * math.sqrt(
        left_out.mean() / len(labels)
    )
    return Estimate(mean=mean, low=float(low), high=float(high))
