"""How far is a score, or a difference of scores, to be trusted? Pure functions of numbers.

A run's score is the mean of its `values`, one for each example (pseudo_values.py). Runs of one
configuration are rows of (S, N): S seeds, each trained anew, N examples, the same for all.

**Estimator.** values[s, i] = score + seed s + example i + what is left of both, the random-effects
model of a crossed two-way layout (Searle, Casella & McCulloch 1992, ch. 4). The variance of the
mean of all is

    Var(means of seeds) / S + Var(means of examples) / N − Var(rest) / (S N)

where the last part, which both others hold, is taken off once. Its degrees of freedom are
Satterthwaite's (1946, doi:10.2307/3002019), and the interval is Student's. Where seeds dominate,
that is Student's interval over S seeds; where examples dominate, the usual one of N examples.
It is never narrower than either of these two alone: with few seeds their noise is hardly known,
and the sum alone would be too narrow in up to 12% of studies of two seeds. The price: with two
seeds, or where seeds and examples differ by their rest only, it holds its 95% in up to 99%.

**Why not the bootstrap over seeds and examples**, which was here before: of 3 seeds it draws the
same few means again and again. Its percentiles called equals different in 22% of cases.

**Assumptions.** Seeds and examples are independent draws; the mean over examples is near normal,
as from some hundred on; seeds deviate normally.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "Estimate",
    "Variance",
    "difference",
    "difference_of_seeds",
    "example_interval",
    "joint_interval",
    "pooled_sd",
    "pooled_seeds",
    "seed_interval",
]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95% interval, which is None where nothing is known of its noise."""

    mean: float
    low: float | None
    high: float | None
    # How often chance alone is this far from zero; None where nothing is known of the noise, and
    # of one difference among several.
    p_value: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Mean and interval, for JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high}

    @property
    def beyond_noise(self) -> bool:
        """Of a difference: the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Variance:
    """A part of the variance of a mean, as estimated by so many degrees of freedom."""

    variance: float
    freedom: float


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


def pooled_seeds(scores_CS: np.ndarray) -> Variance | None:
    """What seeds add to the variance of the difference of two configurations' means, pooled over
    C configurations that all ran with the same S seeds; None from a single seed, or configuration.

    The mean square of what is neither of the configuration nor of the seed: what a seed does to
    all alike cancels out. Assumption: the configurations' scores are equally noisy.
    """
    configurations, seeds = scores_CS.shape
    freedom = (configurations - 1) * (seeds - 1)
    if not freedom:
        return None
    rest_CS = scores_CS - scores_CS.mean(axis=0) - scores_CS.mean(axis=1, keepdims=True)
    square = float(np.square(rest_CS + scores_CS.mean()).sum()) / freedom
    return Variance(2 * square / seeds, freedom)


def seed_interval(scores: Sequence[float]) -> Estimate:
    """The mean score over S seeds, with Student's 95% interval (S - 1 degrees of freedom): what
    another set of seeds may give on these examples. Of a single seed it is not known."""
    scores_S1 = np.asarray(scores, dtype=np.float64)[:, None]
    return _estimate(float(scores_S1.mean()), [_seeds(scores_S1)], None, [])


def difference_of_seeds(one: Sequence[float], other: Sequence[float]) -> Estimate | None:
    """The mean of one less that of the other, with its 95% interval over seeds, which are not the
    same ones (Welch 1947); None of single seeds."""
    from scipy.stats import ttest_ind

    if min(len(one), len(other)) < 2:
        return None
    gap = float(np.mean(one) - np.mean(other))
    if np.ptp(one) == np.ptp(other) == 0:
        return Estimate(mean=gap, low=gap, high=gap)
    interval = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    return Estimate(mean=gap, low=float(interval.low), high=float(interval.high))


def example_interval(values_N: np.ndarray) -> Estimate:
    """The mean of (N,) values, its interval over examples: seeds are no part of the question.

    Of one model's score, or of the difference of two models' values, which pairs their examples.
    """
    return _estimate(_mean(values_N), [], _examples(values_N), [])


def joint_interval(values_SN: np.ndarray) -> Estimate:
    """The mean score over seeds, its interval over seeds and examples together. Of a single seed
    it is not known. From it a baseline's (N,) values may be taken, which has no seeds."""
    return _joint([values_SN], values_SN.mean(axis=0))


def difference(
    first_SN: np.ndarray,
    second_TN: np.ndarray,
    *,
    same_seeds: bool = True,
    among: int = 2,
    seeds: Variance | None = None,
) -> Estimate:
    """Mean score of `first` minus that of `second`, over seeds and the examples they share.

    With `same_seeds` run s of both began with the same seed, and their difference is one number;
    else S and T may differ. Where one has a single seed the interval is not known. `among`: of how
    many configurations these two were picked by what they scored here, as the best and any other:
    then Tukey's studentized range takes Student's place (Tukey 1953; Kramer 1956), so that all
    pairs of them together hold their 95%. `seeds`: what these add to the variance, where more is
    known of it than these two show (`pooled_seeds`).
    """
    means_N = first_SN.mean(axis=0) - second_TN.mean(axis=0)
    if same_seeds:
        assert len(first_SN) == len(second_TN)
        return _joint([first_SN - second_TN], means_N, among=among, seeds=seeds)
    return _joint([first_SN, second_TN], means_N, among=among, seeds=seeds)


def _joint(
    groups: Sequence[np.ndarray],
    means_N: np.ndarray,
    *,
    among: int = 2,
    seeds: Variance | None = None,
) -> Estimate:
    """`groups`: each with seeds of its own. `means_N`: of their mean, or of their difference."""
    mean = _mean(means_N)
    if min(len(values_SN) for values_SN in groups) == 1:
        return Estimate(mean=mean, low=None, high=None)
    return _estimate(
        mean,
        [_seeds(values_SN) for values_SN in groups] if seeds is None else [seeds],
        _examples(means_N),
        [_rest(values_SN) for values_SN in groups],
        among=among,
    )


def _seeds(values_SN: np.ndarray) -> Variance:
    seeds = len(values_SN)
    if seeds < 2:
        return Variance(math.nan, 0)
    return Variance(float(values_SN.mean(axis=1).var(ddof=1)) / seeds, seeds - 1)


def _examples(means_N: np.ndarray) -> Variance:
    examples = len(means_N)
    if examples < 2:
        return Variance(math.nan, 0)
    return Variance(float(means_N.var(ddof=1)) / examples, examples - 1)


def _rest(values_SN: np.ndarray) -> Variance:
    """What is neither of the seed nor of the example, in the variance of the mean of all."""
    seeds, examples = values_SN.shape
    freedom = (seeds - 1) * (examples - 1)
    if freedom == 0:
        return Variance(math.nan, 0)
    rest_SN = values_SN - values_SN.mean(axis=0) - values_SN.mean(axis=1, keepdims=True)
    rest_SN += values_SN.mean()
    return Variance(float(np.square(rest_SN).sum()) / freedom / (seeds * examples), freedom)


def _estimate(
    mean: float,
    seeds: Sequence[Variance],
    examples: Variance | None,
    rest: Sequence[Variance],
    *,
    among: int = 2,
) -> Estimate:
    """The widest of: seeds alone, examples alone, both."""
    sums = [[(1, part) for part in seeds]] if seeds else []
    if examples is not None:
        sums.append([(1, examples)])
    if seeds and examples is not None:
        sums.append([(1, part) for part in (*seeds, examples)] + [(-1, part) for part in rest])
    errors = [_standard_error(parts) for parts in sums]
    margins = [_critical(freedom, among) * error if error else error for error, freedom in errors]
    if not all(math.isfinite(margin) for margin in margins):
        return Estimate(mean=mean, low=None, high=None)
    p_value = max(_chance(mean, *error) for error in errors) if among <= 2 else None
    return Estimate(mean=mean, low=mean - max(margins), high=mean + max(margins), p_value=p_value)


def _standard_error(parts: Sequence[tuple[int, Variance]]) -> tuple[float, float]:
    """Of a mean whose variance is the sum of these parts, and its degrees of freedom."""
    variance = sum(sign * part.variance for sign, part in parts)
    if not variance > 0:
        return 0.0 if variance <= 0 else math.nan, 1.0
    freedom = variance**2 / sum(part.variance**2 / part.freedom for _, part in parts)
    return math.sqrt(variance), max(freedom, 1.0)


def _chance(mean: float, error: float, freedom: float) -> float:
    """That Student's t is as far from zero as mean / error."""
    from scipy import special

    if not error:
        return 0.0 if mean else 1.0
    return 2 * float(special.stdtr(freedom, -abs(mean) / error))


def _critical(freedom: float, among: int) -> float:
    """So many standard errors hold 95% of the differences of any two of `among` configurations."""
    from scipy import special

    if among <= 2:
        return float(special.stdtrit(freedom, 0.975))
    # Each takes a tenth of a second: of few degrees of freedom, rounded down, on the safe side.
    step = 0.25 if freedom < 10 else 5 if freedom < 60 else 60
    rounded = min(freedom // step * step, 240)
    return _studentized_range(among, rounded) / math.sqrt(2)


@functools.lru_cache(maxsize=1024)
def _studentized_range(among: int, freedom: float) -> float:
    from scipy import stats

    return float(stats.studentized_range.ppf(0.95, among, freedom))


def _mean(values_N: np.ndarray) -> float:
    """Of values of which some are not defined, that of the others; the interval is not known."""
    known_N = values_N[~np.isnan(values_N)]
    return float(known_N.mean()) if len(known_N) else math.nan
