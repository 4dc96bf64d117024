"""Which of the contenders becomes the candidate."""

from __future__ import annotations

import numpy as np

from search.promotion.confirm import Contender, choose
from tests.search.statistics.coins import accuracy, answers_by, right


def test_fresh_seeds_find_the_truly_best_more_often_than_the_search_score():
    """60 studies whose five best are truly .01 apart, seen once in the search, thrice afresh."""
    qualities = [0.74, 0.73, 0.72, 0.71, 0.70]
    by_search, by_fresh = 0, 0
    for study in range(60):
        seeds = iter(range(1_000_000 + 100 * study, 1_000_000 + 100 * (study + 1)))
        searched = [accuracy(answers_by(quality, next(seeds))) for quality in qualities]
        fresh_seeds = [next(seeds) for _ in range(3)]
        contenders = [
            Contender(
                trial=trial,
                config={"quality": quality},
                search=searched[trial],
                fresh=[accuracy(answers_by(quality, seed)) for seed in fresh_seeds],
                values=right([answers_by(quality, seed) for seed in fresh_seeds]),
                cost_s=1.0,
            )
            for trial, quality in enumerate(qualities)
        ]
        by_search += int(np.argmax(searched)) == 0
        by_fresh += int(np.argmax([c.mean for c in contenders])) == 0

    assert by_fresh > by_search + 10, (by_fresh, by_search)


def test_choose_takes_the_cheapest_within_the_noise():
    def contender(trial: int, quality: float, cost_s: float) -> Contender:
        runs = [answers_by(quality, 50 + seed) for seed in range(3)]
        return Contender(
            trial=trial,
            config={},
            search=0.8,
            fresh=[accuracy(run) for run in runs],
            values=right(runs),
            cost_s=cost_s,
        )

    best, equal, poor = contender(4, 0.76, 9.0), contender(2, 0.74, 3.0), contender(1, 0.6, 1.0)

    chosen = choose([poor, equal, best], sign=1)

    assert [c.trial for c in chosen.contenders] == [4, 2, 1]
    assert [gap.beyond_noise for gap in chosen.differences] == [False, True]
    assert chosen.candidate is equal
    assert "within the noise of the best by fresh mean, trial 4" in chosen.why
    assert "cheapest" in chosen.why


def test_where_the_noise_is_unknown_the_best_is_chosen_and_it_is_said():
    best, cheap = (
        Contender(
            trial=t, config={}, search=q, fresh=[q], values=right([answers_by(q, t)]), cost_s=c
        )
        for t, q, c in ((3, 0.71, 9.0), (5, 0.70, 1.0))
    )

    chosen = choose([cheap, best], sign=1)

    assert chosen.candidate is best
    assert "the noise of one seed is unknown" in chosen.why
