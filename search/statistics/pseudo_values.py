"""A score as the mean of numbers, one for each example, so that its noise is that of a mean.

An accuracy is such a mean. Any smooth score is one nearly: score + influence of each example
(the infinitesimal jackknife; Jaeckel 1972; Efron 1982, CBMS 38, ch. 6), wrong by a part of the
order 1/N. Both cost one pass over the predictions, where a bootstrap scores every resample anew.

Assumption: examples are drawn independently; the score is smooth in the weights of the examples
(a mean, a correlation, an F score; not a maximum or a median).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

from search.errors import UserError

__all__ = ["GROUPS", "Objective", "PerExample", "Scored", "pseudo_values", "values_of"]

# Labels (N,) and predictions (N,) or (N, classes) → the score; → the (N,) numbers.
Objective = Callable[[np.ndarray, np.ndarray], float]
PerExample = Callable[[np.ndarray, np.ndarray], np.ndarray]

# As many groups are left out, one after the other, of a score that gives no number for each
# example: 200 tell a deviation to 5%, at 200 scorings a run however many examples there are.
GROUPS = 200


class Scored(Protocol):
    """What a Task tells of its score (search/tasks/task.py)."""

    def objective(self, labels: np.ndarray, predictions: np.ndarray) -> float: ...
    @property
    def per_example(self) -> PerExample | None: ...


def values_of(scored: Scored, labels: np.ndarray, runs: Iterable[np.ndarray]) -> np.ndarray:
    """The pseudo-values of each of R runs, (R, M); M as in `pseudo_values`.

    labels (N,); a run's predictions (N,) or (N, classes). Raises UserError.
    """
    return np.stack(
        [pseudo_values(scored.objective, labels, run, scored.per_example) for run in runs]
    )


def pseudo_values(
    objective: Objective,
    labels: np.ndarray,
    predictions: np.ndarray,
    per_example: PerExample | None = None,
) -> np.ndarray:
    """(M,) numbers whose mean is the score, and whose deviation over √M is its standard error.

    M is N with `per_example`, which gives them; else they are found by leaving out each of M = N
    examples, from 400 on each of M = 200 groups of examples (Tukey's jackknife, of groups: Shao &
    Tu 1995, ch. 5.3). The same examples make the same groups, so that runs can be compared. A
    number is NaN where the score is not defined without its examples. Raises UserError where
    `per_example` does not belong to the objective.
    """
    score = objective(labels, predictions)
    if per_example is None:
        return _by_leaving_out(objective, labels, predictions, score)
    values = np.asarray(per_example(labels, predictions), dtype=np.float64)
    if values.shape != (len(labels),) or not np.isclose(
        values.mean(), score, rtol=1e-4, atol=1e-6, equal_nan=True
    ):
        raise UserError(
            f"per_example must give {len(labels)} numbers whose mean is the objective, "
            f"{score:.6g}; got shape {values.shape} with mean {values.mean():.6g}"
        )
    return values


def _by_leaving_out(
    objective: Objective, labels: np.ndarray, predictions: np.ndarray, score: float
) -> np.ndarray:
    examples = len(labels)
    count, group_N = examples, np.arange(examples)
    if examples >= 2 * GROUPS:
        # At random, since examples often lie sorted; always the same.
        count, group_N = GROUPS, np.random.default_rng(0).permutation(examples) % GROUPS
    values = np.empty(count)
    for group in range(count):
        kept = group_N != group
        # Of a mean this is the group's sum, times count / examples.
        scale = count * kept.sum() / examples
        values[group] = scale * (score - objective(labels[kept], predictions[kept]))
    known = ~np.isnan(values)
    return values - (values[known].mean() if known.any() else 0.0) + score
