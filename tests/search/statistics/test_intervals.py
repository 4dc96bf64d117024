"""On scores whose noise is known: do the intervals say what they claim?"""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.intervals import (
    difference,
    example_interval,
    joint_interval,
    pooled_sd,
    pooled_seeds,
    seed_interval,
)
from tests.search.statistics.layout import runs

STUDIES = 400


def _covers(estimate, truth=0.0):
    return estimate.low <= truth <= estimate.high


# 400 studies: 95% is 380 ± 4.4.
@pytest.mark.parametrize("seed_sd", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("seeds", [3, 5])
def test_it_covers_where_seeds_dominate_where_examples_do_and_between(seeds, seed_sd):
    """300 examples of sd 1: their mean has .058, between the seeds' deviations."""
    random = np.random.default_rng(0)
    covered = sum(
        _covers(joint_interval(runs(random, seeds=seeds, examples=300, seed_sd=seed_sd)))
        for _ in range(STUDIES)
    )

    assert 0.92 * STUDIES <= covered <= 0.985 * STUDIES


@pytest.mark.parametrize("same_seeds", [True, False])
@pytest.mark.parametrize("seed_sd", [0.005, 0.5])
def test_equals_are_called_different_one_time_in_twenty(same_seeds, seed_sd):
    random = np.random.default_rng(0)
    beyond = 0
    for _ in range(STUDIES):
        shared = 2 * random.standard_normal(300)
        first, second = (
            shared + runs(random, seeds=3, examples=300, seed_sd=seed_sd) for _ in range(2)
        )
        beyond += difference(first, second, same_seeds=same_seeds).beyond_noise

    assert 0.015 * STUDIES <= beyond <= 0.08 * STUDIES


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", [0.0, 0.05, 1.0])
def test_it_is_never_narrower_than_over_seeds_alone_or_examples_alone(seeds, seed_sd):
    random = np.random.default_rng(1)
    for _ in range(50):
        values_SN = runs(random, seeds=seeds, examples=200, seed_sd=seed_sd)
        joint = joint_interval(values_SN)
        for part in (
            seed_interval(list(values_SN.mean(axis=1))),
            example_interval(values_SN.mean(axis=0)),
        ):
            assert joint.low <= part.low + 1e-12
            assert joint.high >= part.high - 1e-12


def test_where_one_noise_dominates_it_is_the_interval_of_that_one():
    random = np.random.default_rng(2)
    by_seeds = runs(random, seeds=4, examples=500, seed_sd=10, example_sd=0.1, rest_sd=0.1)
    by_examples = runs(random, seeds=4, examples=500, rest_sd=0.01)

    over_seeds = seed_interval(list(by_seeds.mean(axis=1)))
    over_examples = example_interval(by_examples.mean(axis=0))

    assert joint_interval(by_seeds).low == pytest.approx(over_seeds.low, rel=1e-2)
    assert joint_interval(by_examples).low == pytest.approx(over_examples.low, rel=1e-2)


def test_the_best_of_five_equals_is_beyond_the_noise_of_another_one_time_in_twenty():
    """Uncorrected, the best of five and the worst are called different in a third of studies."""
    random = np.random.default_rng(3)
    beyond = plain = 0
    for _ in range(60):
        configurations = [runs(random, seeds=3, examples=300, seed_sd=0.1) for _ in range(5)]
        ranked = sorted(configurations, key=lambda values_SN: -values_SN.mean())
        pooled = pooled_seeds(np.stack([values_SN.mean(axis=1) for values_SN in ranked]))
        pair = ranked[0], ranked[-1]
        beyond += difference(*pair, among=5, seeds=pooled).beyond_noise
        plain += difference(*pair, seeds=pooled).beyond_noise

    assert beyond <= 8  # 3 expected at the most
    assert plain >= 10


def test_pooled_seeds_are_the_noise_of_a_difference_of_means():
    random = np.random.default_rng(4)
    common_S = 5 * random.standard_normal(4)  # what a seed does to all alike cancels out
    scores_CS = common_S + 0.3 * random.standard_normal((500, 4))

    found = pooled_seeds(scores_CS)

    assert found.variance == pytest.approx(2 * 0.3**2 / 4, rel=0.1)
    assert found.freedom == 499 * 3
    assert pooled_seeds(scores_CS[:, :1]) is None
    assert pooled_seeds(scores_CS[:1]) is None


def test_a_clear_difference_is_beyond_the_noise_and_has_its_sign():
    random = np.random.default_rng(5)
    better = runs(random, seeds=3, examples=300, score=1.0)
    worse = runs(random, seeds=3, examples=300)

    gain, loss = difference(better, worse), difference(worse, better)

    assert gain.beyond_noise
    assert loss.beyond_noise
    assert gain.mean == pytest.approx(-loss.mean) == pytest.approx(1.0, abs=0.3)


def test_one_seed_says_nothing_of_the_noise():
    assert pooled_sd([[0.7], [0.8]]) is None
    lone = seed_interval([0.7])
    assert (lone.mean, lone.low, lone.high, lone.beyond_noise) == (0.7, None, None, False)
    random = np.random.default_rng(6)
    one, two = (runs(random, seeds=seeds, examples=50, score=1.0) for seeds in (1, 2))
    for estimate in (
        joint_interval(one),
        difference(one, two - 1, same_seeds=False),
        difference(one, one - 1),
    ):
        assert estimate.mean == pytest.approx(1.0, abs=0.8)
        assert (estimate.low, estimate.high, estimate.beyond_noise) == (None, None, False)


def test_one_example_says_nothing_either():
    assert joint_interval(np.array([[1.0], [2.0]])).low is None
    assert example_interval(np.array([1.0])).low is None


def test_what_is_not_defined_without_some_examples_has_no_interval():
    values_SN = np.array([[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]])

    found = joint_interval(values_SN)

    assert (found.mean, found.low) == (2.0, None)
    assert np.isnan(example_interval(np.full(3, np.nan)).mean)


def test_student_s_interval_and_the_pooled_deviation():
    estimate = seed_interval([1.0, 2.0, 3.0])  # sd 1, t(2) = 4.3027

    assert estimate.high - estimate.mean == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)
    assert pooled_sd([[1.0, 2.0, 3.0], [10.0, 12.0]]) == pytest.approx(np.sqrt((2 + 2) / 3))


def test_numbers_that_do_not_vary_have_an_interval_of_no_width():
    gain = example_interval(np.full(50, 0.01))

    assert (gain.low, gain.high) == (pytest.approx(0.01), pytest.approx(0.01))
