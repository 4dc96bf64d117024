"""Numbers of each example whose mean is the score, and whose spread is its noise."""

from __future__ import annotations

import numpy as np
import pytest

from search.errors import UserError
from search.statistics.pseudo_values import GROUPS, pseudo_values, values_of
from trainables.metrics import pearson, pearson_per_example


def _accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float((labels == predictions).mean())


def _pairs(examples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.standard_normal(examples)
    return labels, labels + 0.7 * random.standard_normal(examples)


@pytest.mark.parametrize("examples", [50, 399, 1000, 1237])
def test_of_a_mean_without_per_example_its_noise_is_found(examples):
    random = np.random.default_rng(examples)
    labels = np.ones(examples)
    predictions = (random.random(examples) < 0.8).astype(float)

    values = pseudo_values(_accuracy, labels, predictions)

    assert len(values) == (examples if examples < 2 * GROUPS else GROUPS)
    assert values.mean() == pytest.approx(predictions.mean())
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert error == pytest.approx(predictions.std(ddof=1) / np.sqrt(examples), rel=0.15)


@pytest.mark.parametrize("per_example", [None, pearson_per_example])
def test_the_noise_of_a_correlation_is_that_of_many_samples(per_example):
    found = []
    for seed in range(20):
        labels, predictions = _pairs(600, seed)
        values = pseudo_values(pearson, labels, predictions, per_example)
        assert values.mean() == pytest.approx(pearson(labels, predictions))
        found.append(values.std(ddof=1) / np.sqrt(len(values)))
    scores = [pearson(*_pairs(600, 1000 + seed)) for seed in range(400)]

    assert np.mean(found) == pytest.approx(np.std(scores), rel=0.1)


def test_the_same_examples_make_the_same_groups():
    """What two runs share cancels out in their difference."""
    labels, first = _pairs(900, 0)
    second = first + 0.01 * np.random.default_rng(1).standard_normal(900)

    gain = np.subtract(*(pseudo_values(pearson, labels, run) for run in (first, second)))

    assert gain.std() < 0.1 * pseudo_values(pearson, labels, first).std()


def test_what_is_not_defined_without_an_example_is_nan_there():
    labels, predictions = np.arange(10.0), np.zeros(10)
    predictions[3] = 1.0

    values = pseudo_values(pearson, labels, predictions)

    assert np.isnan(values).tolist() == [number == 3 for number in range(10)]
    assert np.nanmean(values) == pytest.approx(pearson(labels, predictions))
    assert np.isnan(pearson_per_example(labels, np.zeros(10))).all()
    assert np.isnan(pseudo_values(pearson, labels, np.zeros(10))).all()


def test_per_example_that_does_not_belong_to_the_objective_is_refused():
    labels, predictions = np.ones(4), np.array([1.0, 1.0, 0.0, 0.0])

    with pytest.raises(UserError, match=r"4 numbers whose mean is the objective, 0.5; got shape"):
        pseudo_values(_accuracy, labels, predictions, lambda _, p: p + 1)
    with pytest.raises(UserError, match=r"shape \(3,\)"):
        pseudo_values(_accuracy, labels, predictions, lambda _, p: p[:3])


def test_values_of_a_task_s_runs():
    class Scored:
        per_example = None

        def objective(self, labels, predictions):
            return _accuracy(labels, predictions)

    values = values_of(Scored(), np.ones(4), [np.ones(4), np.array([1, 1, 0, 0])])

    assert values == pytest.approx(np.array([[1, 1, 1, 1], [1, 1, 0, 0]]))
