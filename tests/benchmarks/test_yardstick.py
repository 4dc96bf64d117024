"""The yardstick's studies are those of a driver, and its numbers are what they say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from search.decisions.history import History
from search.record.record import open_record
from tests import curve_task
from tests.benchmarks.yardstick.curves import Curve, Problem, thinned
from tests.benchmarks.yardstick.ours import Foresight, Ours, config_of
from tests.benchmarks.yardstick.peers import PEERS
from tests.benchmarks.yardstick.regret import goal_of, interval, iqm, row
from tests.benchmarks.yardstick.simulator import Trace, Work, simulate
from tests.search.driver.loop import Loop
from trainables.seeding import derive


def _curves():
    """Of tests/curve_task.py: trial n is the n-th that is begun."""
    begun = []

    def curve(config):
        seed = derive(0, "trial", len(begun))
        begun.append(config)
        epochs = curve_task.train(curve_task.Config(**config), np.ones(1), seed=seed, max_epochs=9)
        scores = np.array([epoch.metrics["score"] for epoch in epochs])
        return Curve(scores, np.ones(9))

    return curve


PROBLEM = Problem("curve task", curve_task.space, 9, _curves, best=1.0, usual=0.5)


@pytest.mark.parametrize("scheduler", ["asha", "asha-published", "hyperband"])
def test_a_driver_decides_alike(tmp_path: Path, scheduler: str) -> None:
    options = {"trials": 20, "scheduler": scheduler}
    loop = Loop(open_record(tmp_path, create=True), baseline=False, **options)
    loop.run()

    ours = Ours(PROBLEM, config_of(PROBLEM, **options))
    simulate(PROBLEM, ours, workers=1, epochs=math.inf)

    assert _told(ours.history) == _told(loop.history)


def _told(history: History) -> list[object]:
    return [history.event_trials, *(_curve(trial) for trial in history.trials)]


def _curve(trial):
    drawn = {name: trial.suggestion.config[name] for name in ("x", "kind")}
    return drawn, trial.suggestion.seed, [epoch.metrics["score"] for epoch in trial.epochs]


class _Given:
    """Trains what it is given: trials by number, to an epoch each."""

    def __init__(self, *lengths: int) -> None:
        self.lengths, self.begun = lengths, 0
        self.failed: list[tuple[int, int]] = []

    def next_work(self, at: float) -> Work | None:
        if self.begun == len(self.lengths):
            return None
        self.begun += 1
        return Work(self.begun - 1, {"trial": self.begun - 1}, 1)

    def on_epoch(self, at, trial, epoch, score, wall_s):
        return epoch < self.lengths[trial]

    def on_failure(self, at, trial, epoch):
        self.failed.append((trial, epoch))


def _problem(*curves: list[float], epoch_s: float = 1.0) -> Problem:
    def curve(config):
        scores = np.array(curves[config["trial"]])
        return Curve(scores, np.full(len(scores), epoch_s * (config["trial"] + 1)))

    return Problem("given", lambda trial: {}, 3, lambda: curve, best=1.0, usual=0.0)


def test_the_clock_is_that_of_the_workers() -> None:
    trace = simulate(_problem([0.1] * 3, [0.2] * 3), _Given(3, 2), workers=2, epochs=99)
    assert trace.at_s == [1, 2, 2, 3, 4]  # trial 1 takes 2 s an epoch
    alone = simulate(_problem([0.1] * 3, [0.2] * 3), _Given(3, 2), workers=1, epochs=99)
    assert alone.at_s == [1, 2, 3, 5, 7]


def test_only_a_complete_trial_is_known_in_full() -> None:
    trace = simulate(_problem([0.1, 0.9, 0.6], [0.8] * 3), _Given(3, 2), workers=1, epochs=99)
    assert trace.complete == pytest.approx([1, 1, 0.4, 0.4, 0.4])
    assert trace.seen == pytest.approx([0.9, 0.1, 0.1, 0.1, 0.1])
    assert (trace.epochs_to(0.4), trace.seconds_to(0.4)) == (3, 3.0)
    assert trace.epochs_to(0.3) == trace.seconds_to(0.3) == math.inf
    assert (trace.after(2.5), trace.at(3.0), trace.after(0.5), trace.at(0.5)) == (1, 0.4, 1, 1)


def test_what_is_not_finite_fails_and_another_begins() -> None:
    method = _Given(3, 3)
    trace = simulate(_problem([0.1, math.nan, 0.9], [0.5] * 3), method, workers=1, epochs=99)
    assert method.failed == [(0, 2)]
    assert trace.complete == [1, 1, 1, 1, 0.5]


def test_it_ends_where_the_goal_is_reached_beyond_half_its_epochs() -> None:
    problem = _problem(*[[0.5] * 3] * 4)
    assert len(simulate(problem, _Given(3, 3, 3, 3), workers=1, epochs=10).at_s) == 10
    ended = simulate(problem, _Given(3, 3, 3, 3), workers=1, epochs=10, target=0.5)
    assert len(ended.at_s) == 5


def test_the_interquartile_mean_is_that_of_the_middle_half() -> None:
    assert iqm(np.array([9, 1, 2, -50, 3, 4, 2, 1])) == pytest.approx((1 + 2 + 2 + 3) / 4)
    assert iqm(np.array([1.0, 2, 3, 4, 5, 6, 7, math.inf])) == pytest.approx(4.5)
    assert iqm(np.array([7.0])) == 7
    low, high = interval(np.arange(40.0).reshape(20, 2))
    assert low < 19.5 < high


def test_shares_are_of_the_reference() -> None:
    reference = [Trace(at_s=[1.0, 2, 3, 4], complete=[1, 0.5, 0.5, 0.2], seen=[1, 0.5, 0.5, 0.2])]
    goal = goal_of(reference)
    faster = Trace(at_s=[2.0, 4], complete=[1, 0.1], seen=[0.4, 0.1], trials=2, decision_s=0.5)
    found = row([goal], [[faster]])
    assert (goal.regret, goal.epochs, goal.seconds) == (0.2, 4, 4)
    assert (found.epochs_T, found.seconds_T) == ([0.5], [1.0])
    assert found.regrets["0.5 epochs"] == [[0.1]]
    assert found.regrets["0.5 time"] == [[1.0]]
    assert found.regrets["0.25 seen"] == [[0.4]]
    assert found.decision_ms == 250


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_each_peer_trains_some_in_full(peer: str) -> None:
    trace = simulate(PROBLEM, PEERS[peer](PROBLEM, 0), workers=2, epochs=60)
    assert len(trace.at_s) == 60
    assert min(trace.complete) < 1


def test_a_thinned_curve_takes_as_long_and_ends_alike() -> None:
    thin = thinned(_problem([0.1, 0.2, 0.4], epoch_s=2.0), 2)
    curve = thin.new_study()({"trial": 0})
    assert thin.max_epochs == 2
    assert curve.scores.tolist() == [0.2, 0.4]
    assert curve.epoch_s.tolist() == [4.0, 2.0]


def test_foresight_trains_only_what_will_be_the_best_in_full() -> None:
    trace = simulate(PROBLEM, Foresight(PROBLEM, 0), workers=1, epochs=60)
    ends = [regret for regret in dict.fromkeys(trace.complete) if regret < 1]
    assert len(ends) > 1
    assert len(trace.complete) - trace.trials <= 8 * len(ends)
