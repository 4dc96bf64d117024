"""What is believed of mean scores, of one run in the search and some on fresh seeds."""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.expected import expected_scores


def test_of_many_fresh_seeds_it_is_their_mean():
    fresh = [[0.70 + d for d in (-0.01, 0.01) * 200], [0.75 + d for d in (-0.01, 0.01) * 200]]

    believed = expected_scores([0.8, 0.7], fresh, seed=0)

    assert believed.mean_C == pytest.approx([0.70, 0.75], abs=0.001)
    assert believed.sd == pytest.approx(0.01, rel=0.1)
    assert believed.chances()[1] > 0.999
    assert believed.worse(1, 0.0) < 0.001 < 0.999 < believed.worse(0, 0.04)


def test_where_fresh_seeds_agree_with_the_search_its_order_counts():
    search = [0.80, 0.78, 0.76, 0.74]
    fresh = [[score - 0.01, score - 0.012] for score in search]

    believed = expected_scores(search, fresh, seed=0)

    assert believed.kept > 0.8
    assert list(np.argsort(-believed.mean_C)) == [0, 1, 2, 3]


def test_where_they_contradict_it_a_lead_in_the_search_is_luck():
    random = np.random.default_rng(3)
    search = sorted(0.7 + 0.02 * random.standard_normal(64), reverse=True)[:8]  # all are equal
    fresh = [list(0.7 + 0.02 * random.standard_normal(4)) for _ in search]

    believed = expected_scores(search, fresh, seed=0)

    assert believed.kept < 0.5
    assert np.ptp(believed.mean_C) < np.ptp([np.mean(scores) for scores in fresh])
    assert believed.mean_C.mean() == pytest.approx(0.7, abs=0.01)  # not what the search showed


def test_one_without_fresh_seeds_is_expected_by_its_search_score_alone():
    believed = expected_scores([0.80, 0.75], [[0.79, 0.78, 0.80, 0.79], []], seed=0)

    assert believed.mean_C[1] < believed.mean_C[0]
    spread_C = believed.draws_BC.std(axis=0)
    assert spread_C[1] > spread_C[0]


def test_the_unit_of_the_score_does_not_matter():
    search, fresh = [3.0, 2.0, 1.0], [[2.0, 2.5], [2.2, 1.9], [1.5, 1.1]]

    small = expected_scores(
        [s * 1e-9 for s in search], [[f * 1e-9 for f in e] for e in fresh], seed=0
    )
    large = expected_scores(
        [s * 1e9 for s in search], [[f * 1e9 for f in e] for e in fresh], seed=0
    )

    assert small.mean_C * 1e18 == pytest.approx(large.mean_C)
    assert small.worse(0, 0.1e-9) == large.worse(0, 0.1e9)


def test_runs_without_any_noise_leave_no_doubt():
    believed = expected_scores([0.8, 0.7], [[0.8, 0.8], [0.7, 0.7]], seed=0)

    assert believed.mean_C == pytest.approx([0.8, 0.7])
    assert believed.worse(0, 1e-6) == 0


def test_its_chances_hold():
    """Of 400 studies, 64 configurations each, the 5 best by one run raced on 3 fresh seeds each."""
    random = np.random.default_rng(0)
    claimed, happened = [], []
    for study in range(400):
        true = 0.02 * random.standard_normal(64)
        seen = true + 0.02 * random.standard_normal(64)
        top = np.argsort(-seen)[:5]
        fresh = true[top, None] + 0.02 * random.standard_normal((5, 3))
        believed = expected_scores(seen[top], list(map(list, fresh)), seed=study)
        leader = int(np.argmax(believed.mean_C))
        claimed.append(believed.worse(leader, 0.005))
        happened.append(true[top].max() - true[top[leader]] > 0.005)

    assert np.mean(claimed) == pytest.approx(np.mean(happened), abs=0.06)


def test_one_fresh_score_is_not_enough():
    with pytest.raises(ValueError, match="got 1"):
        expected_scores([0.8, 0.7], [[0.8], []], seed=0)
