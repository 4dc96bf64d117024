"""Which contender trains on a further seed, and when it is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from search.promotion.race import Race, race

Scores = dict[tuple[int, int], float]


def _scores(qualities: list[float], sd: float, seed: int = 0) -> Scores:
    random = np.random.default_rng(seed)
    return {
        (c, k): quality + sd * float(random.standard_normal())
        for c, quality in enumerate(qualities)
        for k in range(40)
    }


def _race(search: list[float], known: Mapping[tuple[int, int], float], **options: object) -> Race:
    settled = {"runs": 15, "batch": 2, "tolerance": None, "seed": 0} | options
    return race(search, lambda c, k: known.get((c, k)), **settled)  # type: ignore[arg-type]


def test_it_begins_with_two_seeds_for_all():
    began = _race([0.8, 0.7, 0.6], {})

    assert (list(began.counts), began.over) == ([2, 2, 2], False)


def test_a_clear_lead_ends_it_before_the_budget_is_spent():
    ended = _race([0.8, 0.7, 0.6], _scores([0.8, 0.7, 0.6], sd=0.001))

    assert (sum(ended.counts), ended.sure, ended.leader) == (6, True, 0)


def test_equals_spend_the_budget_and_it_is_not_sure():
    ended = _race([0.81, 0.8, 0.79], _scores([0.7, 0.7, 0.7], sd=0.02), tolerance=1e-4)

    assert (sum(ended.counts), ended.over, ended.sure) == (15, True, False)


def test_further_runs_go_to_those_in_question():
    ended = _race([0.8, 0.79, 0.6, 0.6], _scores([0.8, 0.8, 0.6, 0.6], sd=0.01), tolerance=1e-4)

    assert ended.counts[2:] == [2, 2]
    assert abs(ended.counts[0] - ended.counts[1]) <= 1


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_it_is_told_again_alike_whatever_is_known_beyond_its_rounds(batch):
    """Runs end in any order, and a killed promotion begins anew: the rounds are the same."""
    scores = _scores([0.80, 0.79, 0.79], sd=0.01, seed=4)
    known: Scores = {}
    while not (now := _race([0.8, 0.8, 0.8], known, batch=batch)).over:
        asked = [(c, k) for c, count in enumerate(now.counts) for k in range(count)]
        missing = [run for run in asked if run not in known]
        assert missing
        known[missing[-1]] = scores[missing[-1]]  # one at a time, the last first

    at_once = _race([0.8, 0.8, 0.8], scores, batch=batch)

    assert (now.counts, now.leader, now.doubt) == (at_once.counts, at_once.leader, at_once.doubt)


def test_with_a_larger_budget_the_runs_so_far_are_among_the_wanted():
    scores = _scores([0.7, 0.7, 0.7], sd=0.02)
    shorter = _race([0.8, 0.8, 0.8], scores, runs=9, tolerance=1e-4)
    longer = _race([0.8, 0.8, 0.8], scores, runs=15, tolerance=1e-4)

    assert all(a <= b for a, b in zip(shorter.counts, longer.counts, strict=True))


def test_one_whose_run_fails_is_out():
    scores = _scores([0.9, 0.7, 0.6], sd=0.001) | {(0, 1): math.nan}

    ended = _race([0.9, 0.7, 0.6], scores)

    assert (list(ended.alive), ended.leader, ended.sure) == ([1, 2], 1, True)


def test_where_all_fail_it_is_over_with_nobody_left():
    ended = _race([0.8, 0.7], dict.fromkeys(_scores([0, 0], 0), math.nan))

    assert (ended.over, ended.alive) == (True, [])


def test_a_single_contender_needs_no_further_seeds():
    ended = _race([0.8], _scores([0.8], sd=0.01))

    assert (list(ended.counts), ended.sure) == ([2], True)
