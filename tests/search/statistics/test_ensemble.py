"""What the mean of several runs' predictions is worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search.statistics.ensemble import best_ensemble, ensemble_values, select
from search.statistics.intervals import joint_interval


def _pearson(labels: np.ndarray, predictions: np.ndarray) -> float:
    if np.ptp(predictions) == 0:
        return math.nan
    return float(np.corrcoef(labels, predictions)[0, 1])


def _runs(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    random = np.random.default_rng(seed)
    labels = random.standard_normal(300)
    return labels, [labels + noise * random.standard_normal(300) for _ in range(count)]


def test_runs_whose_errors_differ_make_each_other_better():
    labels, runs = _runs(6, noise=1.0)

    found = best_ensemble(_pearson, labels, runs, sign=1, seed=0)

    assert len(set(found.members)) > 3
    assert found.gain.low is not None
    assert found.gain.low > 0
    assert found.seen > max(_pearson(labels, run) for run in runs) + 0.1
    assert found.score.mean < found.seen


def test_a_run_that_is_better_than_all_means_stays_alone():
    labels, runs = _runs(3, noise=3.0)
    runs[1] = labels + 0.01

    assert select(_pearson, labels, np.stack(runs), sign=1) == [1]
    found = best_ensemble(_pearson, labels, runs, sign=1, seed=0)
    assert (list(found.members), found.gain.mean) == ([1], pytest.approx(0))


def test_it_is_corrected_for_the_selection():
    """Runs that know nothing: the selection finds something, what is left out shows nothing."""
    random = np.random.default_rng(1)
    labels = random.standard_normal(200)
    runs = [random.standard_normal(200) for _ in range(20)]

    found = best_ensemble(_pearson, labels, runs, sign=1, seed=0)

    assert found.seen > 0.15
    assert abs(found.score.mean) < 0.12
    assert found.score.low is not None
    assert found.score.low < 0


def test_less_is_better_where_the_task_says_so():
    labels, runs = _runs(6, noise=1.0)

    def squares(labels: np.ndarray, predictions: np.ndarray) -> float:
        return float(np.square(labels - predictions).mean())

    found = best_ensemble(squares, labels, runs, sign=-1, seed=0)

    assert found.seen < min(squares(labels, run) for run in runs)
    assert found.gain.high is not None
    assert found.gain.high < 0


def test_probabilities_of_classes_are_averaged_as_they_are():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=400)
    runs = [np.eye(3)[labels] * 0.7 + random.random((400, 3)) for _ in range(5)]

    def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
        return float((predictions.argmax(1) == labels).mean())

    found = best_ensemble(accuracy, labels, runs, sign=1, seed=0, most=4)

    assert 1 < len(found.members) <= 4
    assert found.gain.mean > 0


def test_it_is_the_same_each_time():
    labels, runs = _runs(4, noise=1.0)

    assert best_ensemble(_pearson, labels, runs, sign=1, seed=3) == best_ensemble(
        _pearson, labels, runs, sign=1, seed=3
    )


def _values(labels: np.ndarray, runs: list[np.ndarray]) -> np.ndarray:
    return -np.square(np.stack(runs) - labels)


def test_its_values_are_its_own_on_average():
    labels, runs = _runs(4, noise=1.0)
    own = -np.square((2 * runs[0] + runs[1] + runs[2] + runs[3]) / 5 - labels)

    found = ensemble_values(lambda each: _values(labels, each), runs, [2, 1, 1, 1])

    assert found.shape == (4, 300)
    assert found.mean(axis=0) == pytest.approx(own)


def test_where_a_score_is_a_mean_of_predictions_they_are_the_members():
    _, runs = _runs(3, noise=1.0)

    assert ensemble_values(np.stack, runs, [1, 1, 1]) == pytest.approx(np.stack(runs))
    assert ensemble_values(np.stack, runs[:1], [3]) == pytest.approx(np.stack(runs[:1]))


def test_the_interval_of_an_ensemble_holds_over_other_seeds_of_its_members():
    """Scores are mean squares of five members' errors, each with a shift of its own seed."""
    examples, members, shift_sd = 200, 5, 0.2
    true = -(shift_sd**2 + 1) / members
    covered = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        labels = random.standard_normal(examples)
        shifts = shift_sd * random.standard_normal((members, 1))
        runs = labels + shifts + random.standard_normal((members, examples))
        values = ensemble_values(
            lambda each, labels=labels: _values(labels, each), list(runs), [1] * members
        )
        found = joint_interval(values)
        covered.append(found.low <= true <= found.high)  # type: ignore[operator]
    assert np.mean(covered) >= 0.93  # leaving one out overrates the spread: 99%
