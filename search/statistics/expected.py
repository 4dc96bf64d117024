"""What is a configuration's mean score over seeds, of all that is known of it? Pure.

C configurations, each with one score from the search, by which it was picked, and any number of
scores on fresh seeds. Larger is better; B draws.

**Model.** The search's score s is the true mean θ and the luck of one seed, of deviation σ. Picked
for its s, a configuration was lucky on average: what is believed of θ given s is

    θ | s  ~  N(a + b s, b σ²)        0 ≤ b ≤ 1

where b is how much of the spread of s is real, and 1 − b its shrinkage. That is exact where the
configurations' θ are normal; else it is Tweedie's formula at the picked end of their distribution,
whose slope and variance share b just so (Efron 2011, doi:10.1198/jasa.2011.tm11181, eq. 2.8). Given
s, how they were picked by s does not matter. Fresh scores are N(θ, σ²). That is the model of
Fay & Herriot 1979 (doi:10.1080/01621459.1979.10482505), with one parameter for two.

a and log σ have a flat prior, b a uniform one on its shrinkage (Daniels 1999); a and σ are
integrated out, b on a grid, so that not knowing them widens what is believed. a takes what the
search's rungs add to all scores alike.

**Assumptions.** Seeds deviate normally, and alike in all C, which are near each other, being the
best. The examples are those given: what others would show is the matter of intervals.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.seeding import derive

__all__ = ["Expected", "expected_scores"]

DRAWS = 4000
_GRID_G = np.linspace(0.0, 1.0, 21)  # of b


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """What is believed of the configurations' mean scores."""

    mean_C: np.ndarray
    draws_BC: np.ndarray
    sd: float  # of one run over seeds: σ
    kept: float  # b: of a lead in the search, the part that is expected to be real

    def worse(self, configuration: int, by: float) -> float:
        """The chance that this one is more than `by` worse than the best of all."""
        gaps_B = self.draws_BC.max(axis=1) - self.draws_BC[:, configuration]
        return float((gaps_B > by).mean())

    def chances(self) -> np.ndarray:
        """Each one's chance of being the best, (C,)."""
        counts_C = np.bincount(self.draws_BC.argmax(axis=1), minlength=len(self.mean_C))
        return counts_C / len(self.draws_BC)


def expected_scores(
    search_C: Sequence[float], fresh: Sequence[Sequence[float]], *, seed: int
) -> Expected:
    """`fresh`: of each configuration its scores on fresh seeds, at least two in all."""
    counts_C = np.array([len(scores) for scores in fresh])
    if counts_C.sum() < 2:
        raise ValueError(f"two fresh scores at least are needed, got {counts_C.sum()}")
    searched_C = np.asarray(search_C, dtype=np.float64) - np.mean(search_C)
    offset = float(np.mean([score for scores in fresh for score in scores]))
    means_C = np.array([np.mean(scores) - offset if len(scores) else 0.0 for scores in fresh])
    within = sum(float(np.var(scores)) * len(scores) for scores in fresh if len(scores))

    b_G1 = _GRID_G[:, None]
    weights_GC = np.where(counts_C > 0, 1 / (b_G1 + 1 / np.maximum(counts_C, 1)), 0.0)
    weight_G = weights_GC.sum(axis=1)
    beyond_GC = means_C - b_G1 * searched_C
    a_G = (weights_GC * beyond_GC).sum(axis=1) / weight_G
    squares_G = within + (weights_GC * np.square(beyond_GC - a_G[:, None])).sum(axis=1)
    # Runs that repeat to the last digit have no noise: next to none, for the logarithm.
    squares_G = np.maximum(squares_G, 1e-20 * max(1e-20, float(np.ptp(searched_C)) ** 2))
    freedom = int(counts_C.sum()) - 1
    log_G = 0.5 * np.log(np.where(counts_C > 0, weights_GC, 1.0)).sum(axis=1)
    log_G -= 0.5 * (np.log(weight_G) + freedom * np.log(squares_G))
    p_G = np.exp(log_G - log_G.max())
    p_G /= p_G.sum()

    def believed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The mean of θ given a and b, which are columns: a row each, (·, C)."""
        share = b * counts_C
        return np.asarray((a + b * searched_C + share * means_C) / (1 + share))

    random = np.random.default_rng(derive(seed, "expected"))
    cell_B = np.searchsorted(np.cumsum(p_G), (np.arange(DRAWS) + 0.5) / DRAWS)
    cell_B = np.minimum(cell_B, len(_GRID_G) - 1)
    variance_B1 = (squares_G[cell_B] / random.chisquare(freedom, DRAWS))[:, None]
    b_B1 = _GRID_G[cell_B][:, None]
    a_B1 = a_G[cell_B][:, None] + np.sqrt(variance_B1 / weight_G[cell_B][:, None]) * (
        random.standard_normal((DRAWS, 1))
    )
    spread_BC = np.sqrt(variance_B1 * b_B1 / (1 + b_B1 * counts_C))
    noise_BC = random.standard_normal((DRAWS, len(counts_C)))
    return Expected(
        mean_C=p_G @ believed(a_G[:, None], b_G1) + offset,
        draws_BC=believed(a_B1, b_B1) + spread_BC * noise_BC + offset,
        sd=math.sqrt(float(np.median(variance_B1))),
        kept=float(p_G @ _GRID_G),
    )
