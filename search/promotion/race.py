"""Which contender trains on a further fresh seed, and when enough is known. Pure.

A few seeds for all; then, while the budget lasts, each further run goes to the leader or to its
closest rival, whichever has fewer seeds, until the chance that the leader is more than a tolerance
worse than the best is small. That is top-two allocation (Russo 2020, doi:10.1287/opre.2019.1911);
here the rival is not drawn, but the one with the largest expected improvement on the leader.

Runs are asked for by rounds, as many as there are workers. A round is decided by the scores of the
rounds before it, so that the race can be told again from its runs, whatever order they ended in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics.expected import Expected, expected_scores

__all__ = ["FIRST_SEEDS", "Race", "race"]

FIRST_SEEDS = 2  # for each contender: from one alone nothing is known of the noise
DOUBT = 0.05  # the chance of being wrong that is small
TOLERATED = 0.25  # the tolerance, in deviations of one run over seeds, where none is given


@dataclass(frozen=True, kw_only=True, eq=False)
class Race:
    """How far it has come. C contenders."""

    counts: Sequence[int]  # fresh seeds of each that are asked for so far
    alive: Sequence[int]  # those of which no run has failed; of these only is anything expected
    expected: Expected | None  # None: runs that are asked for are still to come, or none is alive
    tolerance: float = math.nan
    doubt: float = math.nan  # the chance that the leader is more than that worse than the best

    @property
    def over(self) -> bool:
        return self.expected is not None or not self.alive

    @property
    def sure(self) -> bool:
        return self.doubt < DOUBT

    @property
    def leader(self) -> int:
        assert self.expected is not None
        return self.alive[int(np.argmax(self.expected.mean_C))]


def race(
    search: Sequence[float],
    score: Callable[[int, int], float | None],
    *,
    runs: int,
    batch: int,
    tolerance: float | None,
    seed: int,
) -> Race:
    """Follow the race as far as the scores tell it.

    `search`: each contender's score in the search. `score(c, k)`: contender c's on fresh seed k;
    None: not known yet; NaN: the run has failed, which ends the race for c. Larger is better.
    `runs`: the budget. `batch`: runs a round. `tolerance`: in units of the score.
    """
    counts = [FIRST_SEEDS] * len(search)
    while True:
        scores = [[score(c, k) for k in range(count)] for c, count in enumerate(counts)]
        if any(known is None for each in scores for known in each):
            return Race(counts=counts, alive=range(len(search)), expected=None)
        fresh = [[float(known) for known in each if known is not None] for each in scores]
        alive = [c for c, each in enumerate(fresh) if not any(map(math.isnan, each))]
        if not alive:
            return Race(counts=counts, alive=[], expected=None)
        expected = expected_scores([search[c] for c in alive], [fresh[c] for c in alive], seed=seed)
        tolerated = TOLERATED * expected.sd if tolerance is None else tolerance
        doubt = expected.worse(int(np.argmax(expected.mean_C)), tolerated)
        left = runs - sum(counts)
        if doubt < DOUBT or left < 1:
            return Race(
                counts=counts, alive=alive, expected=expected, tolerance=tolerated, doubt=doubt
            )
        for c in _further(expected, [counts[c] for c in alive], min(batch, left)):
            counts[alive[c]] += 1


def _further(expected: Expected, counts: Sequence[int], runs: int) -> list[int]:
    """The contenders of the next runs: the leader and its rivals, the one with fewer seeds first.

    What an unseen run will tell is unknown; that it leaves less in question is not, so that a round
    of many runs does not go to one rival.
    """
    leader = int(np.argmax(expected.mean_C))
    gains_BC = np.maximum(expected.draws_BC - expected.draws_BC[:, [leader]], 0)
    gain_C = gains_BC.mean(axis=0)
    gain_C[leader] = -1
    seen_C, then_C = np.array(counts), np.array(counts)
    chosen = []
    for _ in range(runs):
        rival = int(np.argmax(gain_C * np.sqrt(seen_C / then_C)))
        next_one = leader if then_C[leader] <= then_C[rival] else rival
        then_C[next_one] += 1
        chosen.append(next_one)
    return chosen
