"""On a task whose noise and true order are known: do the numbers say what they claim?"""

from __future__ import annotations

import numpy as np
import pytest

from search.promotion.confirm import Contender, choose
from search.statistics.intervals import (
    corrected_score,
    difference,
    difference_from,
    example_difference,
    example_interval,
    joint_interval,
    pooled_sd,
    seed_interval,
)
from tests.coin_task import DATA, QUESTIONS, answers, run, truth

QUESTIONS_ASKED = np.arange(QUESTIONS)
LABELS = truth(QUESTIONS_ASKED)


def _run(quality: float, seed: int) -> np.ndarray:
    return answers(QUESTIONS_ASKED, *run(quality, seed))


def _score(predictions: np.ndarray) -> float:
    return DATA.objective(LABELS, predictions)


def _half_width(score: float) -> float:
    """Of the usual 95% interval of an accuracy."""
    return 1.96 * float(np.sqrt(score * (1 - score) / QUESTIONS))


def test_the_corrected_score_covers_the_truth_and_the_raw_one_does_not():
    """80 studies of 32 nearly equal configurations. What is to be covered is what the chosen
    run scores on all questions that there could be."""
    raw_covers, corrected_covers, raw_bias, corrected_bias = [], [], [], []
    for study in range(80):
        seeds = range(1000 * study, 1000 * study + 32)
        true = [0.7 + 0.01 * float(np.random.default_rng(seed).standard_normal()) for seed in seeds]
        runs = [answers(QUESTIONS_ASKED, a, seed + 7) for a, seed in zip(true, seeds, strict=True)]
        scores = [_score(run) for run in runs]
        chosen = int(np.argmax(scores))
        corrected = corrected_score(DATA.objective, LABELS, runs, sign=1, seed=study, resamples=150)
        raw_covers.append(abs(scores[chosen] - true[chosen]) <= _half_width(scores[chosen]))
        corrected_covers.append(corrected.low <= true[chosen] <= corrected.high)
        raw_bias.append(scores[chosen] - true[chosen])
        corrected_bias.append(corrected.mean - true[chosen])

    assert np.mean(raw_bias) > 0.025  # over-rated by the choice among 32
    assert abs(np.mean(corrected_bias)) < 0.01
    assert 0.88 <= np.mean(corrected_covers) <= 1.0
    assert np.mean(raw_covers) < 0.75


def test_fresh_seeds_find_the_truly_best_more_often_than_the_search_score():
    """60 studies whose five best are truly .01 apart, seen once in the search, thrice afresh."""
    qualities = [0.74, 0.73, 0.72, 0.71, 0.70]
    by_search, by_fresh = 0, 0
    for study in range(60):
        seeds = iter(range(1_000_000 + 100 * study, 1_000_000 + 100 * (study + 1)))
        searched = [_score(_run(quality, next(seeds))) for quality in qualities]
        fresh_seeds = [next(seeds) for _ in range(3)]
        contenders = [
            Contender(
                trial=trial,
                config={"quality": quality},
                search=searched[trial],
                fresh=[_score(_run(quality, seed)) for seed in fresh_seeds],
                predictions=[_run(quality, seed) for seed in fresh_seeds],
                cost_s=1.0,
            )
            for trial, quality in enumerate(qualities)
        ]
        by_search += int(np.argmax(searched)) == 0
        by_fresh += int(np.argmax([c.mean for c in contenders])) == 0

    assert by_fresh > by_search + 10, (by_fresh, by_search)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("same_seeds", [True, False])
def test_a_difference_of_equals_is_beyond_the_noise_one_time_in_twenty(seeds, same_seeds):
    beyond = 0
    for study in range(100):
        first = [_run(0.7, 10_000 * study + k) for k in range(seeds)]
        second = [_run(0.7, 10_000 * study + 500 + k) for k in range(seeds)]
        beyond += difference(
            DATA.objective, LABELS, first, second, seed=study, same_seeds=same_seeds, resamples=100
        ).beyond_noise

    assert 0 <= beyond <= 14  # 5 expected; percentiles of few seeds and 100 resamples are rough


def test_a_clear_difference_is_beyond_the_noise_and_has_its_sign():
    better, worse = ([_run(quality, seed) for seed in range(3)] for quality in (0.78, 0.65))

    gain = difference(DATA.objective, LABELS, better, worse, seed=0)
    loss = difference(DATA.objective, LABELS, worse, better, seed=0)

    assert gain.beyond_noise
    assert loss.beyond_noise
    assert gain.mean == pytest.approx(-loss.mean) == pytest.approx(0.13, abs=0.05)


def test_a_baseline_without_seeds_is_held_against_several():
    runs = [_run(0.7, seed) for seed in range(5)]

    gain = difference_from(DATA.objective, LABELS, runs, np.zeros_like(LABELS), seed=0)

    assert gain.beyond_noise
    assert gain.mean == pytest.approx(np.mean([_score(r) for r in runs]) - (LABELS == 0).mean())


def test_the_joint_interval_is_wider_than_that_over_examples_alone():
    runs = [_run(0.7, seed) for seed in range(5)]

    joint = joint_interval(DATA.objective, LABELS, runs, seed=0)
    alone = example_interval(DATA.objective, LABELS, runs[0], seed=0)

    assert joint.mean == pytest.approx(np.mean([_score(run) for run in runs]))
    assert joint.low < joint.mean < joint.high
    # Examples are the larger noise here; averaging five runs takes some of it away.
    assert 0.02 < joint.high - joint.low < alone.high - alone.low


def test_one_seed_says_nothing_of_the_noise():
    assert pooled_sd([[0.7], [0.8]]) is None
    lone = seed_interval([0.7])
    assert (lone.mean, lone.low, lone.high, lone.beyond_noise) == (0.7, None, None, False)
    good, poor = [_run(0.8, 1)], [_run(0.6, seed) for seed in (2, 3)]
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


def test_the_same_seed_gives_the_same_interval():
    runs = [_run(0.7, seed) for seed in range(4)]

    first = corrected_score(DATA.objective, LABELS, runs, sign=1, seed=3, resamples=50)
    again = corrected_score(DATA.objective, LABELS, runs, sign=1, seed=3, resamples=50)

    assert first == again


def test_where_smaller_is_better_the_smallest_is_chosen():
    def error(labels: np.ndarray, predictions: np.ndarray) -> float:
        return float((labels != predictions).mean())

    runs = [_run(0.6, 1), _run(0.8, 2)]

    corrected = corrected_score(error, LABELS, runs, sign=-1, seed=0, resamples=50)

    assert corrected.mean == pytest.approx(error(LABELS, runs[1]), abs=0.02)


def test_choose_takes_the_cheapest_within_the_noise():
    def contender(trial: int, quality: float, cost_s: float) -> Contender:
        runs = [_run(quality, 50 + seed) for seed in range(3)]
        return Contender(
            trial=trial,
            config={},
            search=0.8,
            fresh=[_score(run) for run in runs],
            predictions=runs,
            cost_s=cost_s,
        )

    best, equal, poor = contender(4, 0.76, 9.0), contender(2, 0.74, 3.0), contender(1, 0.6, 1.0)

    chosen = choose(DATA.objective, LABELS, [poor, equal, best], sign=1, seed=0)

    assert [c.trial for c in chosen.contenders] == [4, 2, 1]
    assert [gap.beyond_noise for gap in chosen.differences] == [False, True]
    assert chosen.candidate is equal
    assert "within the noise of the best by fresh mean, trial 4" in chosen.why
    assert "cheapest" in chosen.why


def test_where_the_noise_is_unknown_the_best_is_chosen_and_it_is_said():
    best, cheap = (
        Contender(trial=t, config={}, search=q, fresh=[q], predictions=[_run(q, t)], cost_s=c)
        for t, q, c in ((3, 0.71, 9.0), (5, 0.70, 1.0))
    )

    chosen = choose(DATA.objective, LABELS, [cheap, best], sign=1, seed=0)

    assert chosen.candidate is best
    assert "the noise of one seed is unknown" in chosen.why


def _mean_or_nan(labels, predictions):
    """As a correlation: not defined where all predictions are alike."""
    return float("nan") if np.ptp(predictions) == 0 else float((labels * predictions).mean())


def test_a_score_that_is_not_defined_on_a_resample_chooses_nothing():
    labels = np.ones(200)
    good, odd = np.linspace(0.8, 1.0, 200), np.zeros(200)
    odd[0] = 0.1  # alike on a third of the resamples

    alone = corrected_score(_mean_or_nan, labels, [good], sign=1, seed=0)
    beside = corrected_score(_mean_or_nan, labels, [good, odd], sign=1, seed=0)

    assert beside == alone
    gain = example_difference(_mean_or_nan, labels, good, odd, seed=0)
    assert gain.beyond_noise
    none = corrected_score(_mean_or_nan, labels, [np.zeros(200)], sign=1, seed=0)
    assert (none.low, none.high) == (None, None)


def test_two_models_on_the_same_examples_are_compared_in_pairs():
    labels, first = np.zeros(500), np.random.default_rng(0).normal(size=500)

    gain = example_difference(lambda _, p: float(p.mean()), labels, first + 0.01, first, seed=0)

    assert (gain.low, gain.high) == (pytest.approx(0.01), pytest.approx(0.01))
