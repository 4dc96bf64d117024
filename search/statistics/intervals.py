"""How far is a score, or a difference of scores, to be trusted? Pure functions of predictions.

An `objective` maps labels (N,) and predictions (N,) or (N, classes) to a number. Runs of one
configuration are a list of such predictions, one for each seed. `sign` is 1 where larger is
better, else -1.

B resamples, S seeds, C configurations, N examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainables.seeding import derive

__all__ = [
    "Estimate",
    "Objective",
    "difference",
    "difference_from",
    "example_difference",
    "example_interval",
    "interval_text",
    "joint_interval",
    "pooled_sd",
    "resample_examples",
    "seed_interval",
]

Objective = Callable[[np.ndarray, np.ndarray], float]
Runs = Sequence[np.ndarray]
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95% interval, which is None where nothing is known of its noise."""

    mean: float
    low: float | None
    high: float | None

    @property
    def beyond_noise(self) -> bool:
        """Of a difference: the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def interval_text(low: float | None, high: float | None, form: str = ".4f") -> str:
    """As "[0.7012, 0.7310]", for a reader; `form` is a format specification of Python's."""
    return "[unknown]" if low is None or high is None else f"[{low:{form}}, {high:{form}}]"


def pooled_sd(scores: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation of one run's score over seeds, pooled over configurations, in units of
    the score; None from single seeds. `scores`: for each configuration, one of each seed.

    Pooled, since a few seeds of one configuration say little about their spread.
    """
    groups = [np.asarray(group) for group in scores if len(group) > 1]
    if not groups:
        return None
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    return math.sqrt(squares / sum(len(group) - 1 for group in groups))


def seed_interval(scores: Sequence[float]) -> Estimate:
    """The mean score over S seeds, with Student's 95% interval (S - 1 degrees of freedom): what
    another set of seeds may give. Of a single seed the interval is not known."""
    mean, count = float(np.mean(scores)), len(scores)
    if count < 2:
        return Estimate(mean=mean, low=None, high=None)
    from scipy import special

    error = float(np.std(scores, ddof=1)) / math.sqrt(count)
    margin = float(special.stdtrit(count - 1, 0.975)) * error
    return Estimate(mean=mean, low=mean - margin, high=mean + margin)


def joint_interval(
    objective: Objective,
    labels: np.ndarray,
    runs: Runs,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The mean score over seeds, its interval over seeds and examples resampled together. Of a
    single seed the interval is not known."""
    if len(runs) == 1:
        return Estimate(mean=objective(labels, runs[0]), low=None, high=None)
    random = np.random.default_rng(derive(seed, "joint"))
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "examples"))
    means_B = _resample_seeds(_scores(objective, labels, runs, draws_BN), random)
    return _percentiles(_mean(objective, labels, runs), means_B)


def example_interval(
    objective: Objective,
    labels: np.ndarray,
    predictions: np.ndarray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """One model's score, its interval over examples: seeds are no part of the question."""
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "examples"))
    scores_B = _scores(objective, labels, [predictions], draws_BN)[:, 0]
    return _percentiles(objective(labels, predictions), scores_B)


def difference(
    objective: Objective,
    labels: np.ndarray,
    first: Runs,
    second: Runs,
    *,
    seed: int,
    same_seeds: bool = True,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean score of `first` minus that of `second`, by a paired bootstrap over seeds and examples.

    Both are scored on the same resampled examples. With `same_seeds` run s of both began with the
    same seed, and seeds are resampled in pairs. Where one has a single seed the interval is not
    known.
    """
    mean = _mean(objective, labels, first) - _mean(objective, labels, second)
    if min(len(first), len(second)) == 1:
        return Estimate(mean=mean, low=None, high=None)
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "examples"))
    first_BS = _scores(objective, labels, first, draws_BN)
    second_BS = _scores(objective, labels, second, draws_BN)
    random = np.random.default_rng(derive(seed, "difference"))
    if same_seeds:
        assert len(first) == len(second)
        means_B = _resample_seeds(first_BS - second_BS, random)
    else:
        means_B = _resample_seeds(first_BS, random) - _resample_seeds(second_BS, random)
    return _percentiles(mean, means_B)


def difference_from(
    objective: Objective,
    labels: np.ndarray,
    runs: Runs,
    baseline: np.ndarray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """As `difference`, from the predictions of what has no seeds."""
    mean = _mean(objective, labels, runs) - objective(labels, baseline)
    if len(runs) == 1:
        return Estimate(mean=mean, low=None, high=None)
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "examples"))
    runs_BS = _scores(objective, labels, runs, draws_BN)
    baseline_B = _scores(objective, labels, [baseline], draws_BN)[:, 0]
    random = np.random.default_rng(derive(seed, "difference"))
    return _percentiles(mean, _resample_seeds(runs_BS, random) - baseline_B)


def example_difference(
    objective: Objective,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Score of one model minus that of another, its interval over examples: a paired bootstrap
    (Efron & Tibshirani 1993, ch. 13, percentile interval)."""
    draws_BN = resample_examples(len(labels), resamples, derive(seed, "bootstrap"))
    scores_B2 = _scores(objective, labels, [first, second], draws_BN)
    mean = objective(labels, first) - objective(labels, second)
    return _percentiles(mean, scores_B2[:, 0] - scores_B2[:, 1])


def _mean(objective: Objective, labels: np.ndarray, runs: Runs) -> float:
    return float(np.mean([objective(labels, run) for run in runs]))


def resample_examples(examples: int, resamples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(examples, size=(resamples, examples))


def _scores(
    objective: Objective, labels: np.ndarray, runs: Runs, draws_BN: np.ndarray
) -> np.ndarray:
    """Each run's score on each resample of the examples, (B, S)."""
    return np.array([[objective(labels[d], run[d]) for run in runs] for d in draws_BN])


def _resample_seeds(scores_BS: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mean over seeds drawn with replacement, (B,).

    Means of S drawn from S deviate too little, by √((S-1)/S), which at 3 seeds matters: their
    deviation from the mean of all is widened by that.
    """
    resamples, seeds = scores_BS.shape
    all_B: np.ndarray = scores_BS.mean(axis=1)
    drawn_BS = random.integers(seeds, size=(resamples, seeds))
    drawn_B = np.take_along_axis(scores_BS, drawn_BS, axis=1).mean(axis=1)
    widened: np.ndarray = all_B + (drawn_B - all_B) * math.sqrt(seeds / (seeds - 1))
    return widened


def _percentiles(mean: float, means_B: np.ndarray) -> Estimate:
    """Resamples on which a score is not defined, as a correlation of equal numbers, say nothing."""
    known_B = means_B[~np.isnan(means_B)]
    if not len(known_B):
        return Estimate(mean=mean, low=None, high=None)
    low, high = np.percentile(known_B, [2.5, 97.5])
    return Estimate(mean=mean, low=float(low), high=float(high))
