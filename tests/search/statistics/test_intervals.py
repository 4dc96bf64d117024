"""On a task whose noise and true order are known: do the intervals say what they claim?"""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.intervals import (
    difference,
    difference_from,
    example_difference,
    example_interval,
    joint_interval,
    pooled_sd,
    seed_interval,
)
from tests.coin_task import DATA
from tests.search.statistics.coins import LABELS, accuracy, answers_by


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("same_seeds", [True, False])
def test_a_difference_of_equals_is_beyond_the_noise_one_time_in_twenty(seeds, same_seeds):
    beyond = 0
    for study in range(100):
        first = [answers_by(0.7, 10_000 * study + k) for k in range(seeds)]
        second = [answers_by(0.7, 10_000 * study + 500 + k) for k in range(seeds)]
        beyond += difference(
            DATA.objective, LABELS, first, second, seed=study, same_seeds=same_seeds, resamples=100
        ).beyond_noise

    assert 0 <= beyond <= 14  # 5 expected; percentiles of few seeds and 100 resamples are rough


def test_a_clear_difference_is_beyond_the_noise_and_has_its_sign():
    better, worse = ([answers_by(quality, seed) for seed in range(3)] for quality in (0.78, 0.65))

    gain = difference(DATA.objective, LABELS, better, worse, seed=0)
    loss = difference(DATA.objective, LABELS, worse, better, seed=0)

    assert gain.beyond_noise
    assert loss.beyond_noise
    assert gain.mean == pytest.approx(-loss.mean) == pytest.approx(0.13, abs=0.05)


def test_a_baseline_without_seeds_is_held_against_several():
    runs = [answers_by(0.7, seed) for seed in range(5)]

    gain = difference_from(DATA.objective, LABELS, runs, np.zeros_like(LABELS), seed=0)

    assert gain.beyond_noise
    assert gain.mean == pytest.approx(np.mean([accuracy(r) for r in runs]) - (LABELS == 0).mean())


def test_the_joint_interval_is_wider_than_that_over_examples_alone():
    runs = [answers_by(0.7, seed) for seed in range(5)]

    joint = joint_interval(DATA.objective, LABELS, runs, seed=0)
    alone = example_interval(DATA.objective, LABELS, runs[0], seed=0)

    assert joint.mean == pytest.approx(np.mean([accuracy(run) for run in runs]))
    assert joint.low < joint.mean < joint.high
    # Examples are the larger noise here; averaging five runs takes some of it away.
    assert 0.02 < joint.high - joint.low < alone.high - alone.low


def test_one_seed_says_nothing_of_the_noise():
    assert pooled_sd([[0.7], [0.8]]) is None
    lone = seed_interval([0.7])
    assert (lone.mean, lone.low, lone.high, lone.beyond_noise) == (0.7, None, None, False)
    good, poor = [answers_by(0.8, 1)], [answers_by(0.6, seed) for seed in (2, 3)]
    for estimate in (
        joint_interval(DATA.objective, LABELS, good, seed=0),
        difference(DATA.objective, LABELS, good, poor, seed=0, same_seeds=False),
        difference(DATA.objective, LABELS, good, poor[:1], seed=0),
        difference_from(DATA.objective, LABELS, good, np.zeros_like(LABELS), seed=0),
    ):
        assert estimate.mean > 0.1
        assert (estimate.low, estimate.high, estimate.beyond_noise) == (None, None, False)


def test_student_s_interval_and_the_pooled_deviation():
    estimate = seed_interval([1.0, 2.0, 3.0])  # sd 1, t(2) = 4.3027

    assert estimate.high - estimate.mean == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)
    assert pooled_sd([[1.0, 2.0, 3.0], [10.0, 12.0]]) == pytest.approx(np.sqrt((2 + 2) / 3))


def test_two_models_on_the_same_examples_are_compared_in_pairs():
    labels, first = np.zeros(500), np.random.default_rng(0).normal(size=500)

    gain = example_difference(lambda _, p: float(p.mean()), labels, first + 0.01, first, seed=0)

    assert (gain.low, gain.high) == (pytest.approx(0.01), pytest.approx(0.01))
