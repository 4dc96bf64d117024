"""Does the corrected score of the best of many say what it claims?"""

from __future__ import annotations

import numpy as np
import pytest

from search.statistics.intervals import example_difference
from search.statistics.selection import corrected_score
from tests.coin_task import DATA, QUESTIONS, answers
from tests.search.statistics.coins import LABELS, QUESTIONS_ASKED, accuracy, answers_by


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
        scores = [accuracy(run) for run in runs]
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


def test_the_same_seed_gives_the_same_interval():
    runs = [answers_by(0.7, seed) for seed in range(4)]

    first = corrected_score(DATA.objective, LABELS, runs, sign=1, seed=3, resamples=50)
    again = corrected_score(DATA.objective, LABELS, runs, sign=1, seed=3, resamples=50)

    assert first == again


def test_where_smaller_is_better_the_smallest_is_chosen():
    def error(labels: np.ndarray, predictions: np.ndarray) -> float:
        return float((labels != predictions).mean())

    runs = [answers_by(0.6, 1), answers_by(0.8, 2)]

    corrected = corrected_score(error, LABELS, runs, sign=-1, seed=0, resamples=50)

    assert corrected.mean == pytest.approx(error(LABELS, runs[1]), abs=0.02)


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
