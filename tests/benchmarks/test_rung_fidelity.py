"""The replay of finished curves, and the curves that are kept."""

from __future__ import annotations

import numpy as np
import pytest

from search.tasks.registry import find_task
from tests.benchmarks.learning_curves import MAX_EPOCHS, file_of, read
from tests.benchmarks.rung_fidelity import Pools, Way, _replays, replay


def test_a_replay_trains_on_who_leads_at_the_rungs():
    curves = [[score] * MAX_EPOCHS for score in (0.1, 0.5, 0.3, 0.9, 0.2, 0.8, 0.7, 0.4, 0.6)]

    past = replay(curves, "asha")

    assert [trial.epoch for trial in past.trials] == [1, 3, 1, 9, 1, 3, 1, 1, 1]


def test_a_curve_that_breaks_off_fails_its_trial():
    curves = [[0.9, 0.9], *[[score] * MAX_EPOCHS for score in (0.1, 0.2, 0.3, 0.4, 0.5)]]

    past = replay(curves, "asha-published")

    assert past.trials[0].failed
    assert past.trials[0].epoch == 2


@pytest.mark.parametrize("scheduler", ["asha", "asha-published"])
def test_rungs_that_mislead_cost_regret(scheduler):
    end = np.arange(24) / 24
    misleading = Way([[*[1 - score] * 8, score] for score in end], end)

    misled, _ = _replays(misleading, scheduler, 24, Pools(24, 5, 2))

    assert misled.min() > 50  # points: the worst at the rungs is the best at the end


def test_rungs_that_tell_the_end_cost_none_where_the_best_always_advances():
    end = np.arange(24) / 24
    faithful = Way([[score] * MAX_EPOCHS for score in end], end)

    regrets, _ = _replays(faithful, "asha-published", 24, Pools(24, 5, 2))

    assert not regrets.any()


@pytest.mark.parametrize("name", ["cnn", "sts"])
def test_the_kept_curves_are_of_configurations_of_today(name):
    task, curves = find_task(name), read(file_of(name))

    assert len(curves) >= 24
    for curve in curves:
        task.config(**curve.config)
        assert all(0 < len(values) <= MAX_EPOCHS for values in curve.ways.values())
