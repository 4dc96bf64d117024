"""The estimate of the time left keeps to its budget and counts down."""

from __future__ import annotations

import time

import pytest

from search.decisions.history import History
from search.decisions.remaining import Remaining
from search.record.study import Study
from search.reports.time_left import FEWEST, SAMPLES, TimeLeft, time_left_text
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, history, segment, session, suggestion


def study(**options) -> Study:
    config = StudyConfig(name="s", task="t", dataset="ones", **options)
    return Study(id=1, name="s", created_at=0.0, config=config, origin={})


def wide(workers: int) -> History:
    """Each of so many workers has a trial that has ended an epoch."""
    events = [session("started", 2 * workers)]
    for number in range(workers):
        events += [suggestion(number), segment(number, 1, 1), epoch(number, 1, number / workers)]
    return history(events)


def test_it_is_unknown_until_an_epoch_has_ended():
    left = TimeLeft(History([(0.0, session("started", 9))]), study(), TASK, 0)
    left.update(1.0)

    assert left.interval(1.0) is None
    assert time_left_text(left.interval(1.0)) == "time left unknown"


def test_it_counts_down_between_two_looks():
    left = TimeLeft(wide(2), study(trials=4, workers=1), TASK, 0)
    left.update(107.0)

    at_once, later = left.interval(107.0), left.interval(108.0)

    assert at_once is not None
    assert later is not None
    assert at_once.median_s - later.median_s == pytest.approx(1.0)
    assert left.interval(1e6) == Remaining(median_s=0.0, low_s=0.0, high_s=0.0)


def test_with_a_thousand_workers_it_keeps_to_its_budget():
    left = TimeLeft(wide(1000), study(trials=2000, workers=1000), TASK, 0)
    left.update(3000.0)
    begun = time.thread_time()
    for second in range(60):
        left.update(3000.0 + second)

    assert time.thread_time() - begun < 0.02 * 60
    assert left.interval(3060.0) is not None
    assert FEWEST < SAMPLES


def test_it_is_told_with_its_interval():
    found = Remaining(median_s=125.0, low_s=61.5, high_s=3723.0)

    assert time_left_text(found) == "2:05 left (1:01 to 1:02:03)"
