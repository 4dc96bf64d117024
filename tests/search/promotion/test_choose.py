"""Which of the contenders becomes the candidate."""

from __future__ import annotations

import numpy as np
import pytest

from search.promotion.confirm import Confirmation, Contender, Prefer, choose
from search.promotion.race import race
from tests.search.statistics.coins import accuracy, answers_by, right


def _choose(
    *told: tuple[int, float, float], search: float = 0.8, prefer: Prefer = "best", seeds: int = 3
) -> Confirmation:
    """Of contenders, each told as (trial, quality, seconds a run)."""
    contenders = []
    for trial, quality, wall_s in told:
        runs = [answers_by(quality, 50 + seed) for seed in range(seeds)]
        contenders.append(
            Contender(
                trial=trial,
                config={"quality": quality},
                search=search,
                fresh=[accuracy(run) for run in runs],
                values=right(runs),
                wall_s=wall_s,
            )
        )
    ended = race(
        [contender.search for contender in contenders],
        lambda c, k: contenders[c].fresh[k] if k < seeds else None,
        runs=2 * len(told),  # all have two at least, of three that are looked at
        batch=1,
        tolerance=None,
        seed=0,
    )
    return choose(contenders, ended, prefer=prefer)


def test_the_best_expected_score_is_chosen_whatever_it_costs():
    chosen = _choose((1, 0.6, 1.0), (2, 0.74, 3.0), (4, 0.76, 9.0))

    assert [contender.trial for contender in chosen.contenders] == [4, 2, 1]
    assert chosen.candidate.trial == 4
    assert chosen.expected_of_candidate == max(chosen.expected)
    assert sum(chosen.chances) == pytest.approx(1)
    assert [gap.beyond_noise for gap in chosen.differences] == [False, True]
    assert "trial 4 has the best expected score" in chosen.why


def test_the_cheapest_is_preferred_among_equals_if_asked_for():
    told = ((1, 0.6, 1.0), (2, 0.76, 3.0), (4, 0.7601, 9.0))
    chosen = _choose(*told, prefer="cheapest")

    first, second, _ = chosen.contenders
    assert {first.trial, second.trial} == {2, 4}
    assert chosen.candidate.trial == 2
    assert [gap.beyond_noise for gap in chosen.differences] == [False, True]


def test_a_fifth_of_the_time_is_to_be_saved_at_least():
    told = ((2, 0.76, 8.0), (4, 0.7601, 9.0))

    assert _choose(*told, prefer="cheapest").candidate is _choose(*told).contenders[0] or (
        _choose(*told, prefer="cheapest").candidate.trial == _choose(*told).candidate.trial
    )


def test_less_is_better_where_the_task_says_so():
    runs = {3: [0.30, 0.31], 7: [0.20, 0.21]}
    contenders = [
        Contender(
            trial=trial,
            config={},
            search=scores[0] - 0.02,
            fresh=scores,
            values=np.random.default_rng(trial).normal(np.array(scores)[:, None], 0.1, (2, 300)),
            wall_s=1.0,
            sign=-1,
        )
        for trial, scores in runs.items()
    ]
    ended = race([-c.search for c in contenders], lambda c, k: -contenders[c].fresh[k],
                 runs=4, batch=1, tolerance=None, seed=0)  # fmt: skip

    chosen = choose(contenders, ended)

    assert chosen.candidate.trial == 7
    assert chosen.candidate.optimism == pytest.approx(0.025)
    assert chosen.expected_of_candidate == pytest.approx(0.205, abs=0.02)
