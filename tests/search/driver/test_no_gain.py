"""A study that ends by itself when more trials would bring nothing, on a real record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ray.tune.search import Searcher

from search.driver.reopen import reopen
from search.errors import UserError
from search.record.record import Record, open_record
from tests.curve_task import TASK
from tests.search.driver.loop import Loop
from tests.search.studies import session

# All trials are as good as each other, but for luck: there is nothing to be gained.
FLAT = dataclasses.replace(TASK, space=lambda trial: {"x": trial.suggest_float("x", 0.699, 0.701)})
OPTIONS = {"trials": 200, "max_epochs": 3, "scheduler": "none", "stop_when_no_gain": True}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def flat(record: Record, name: str = "s", **options: object) -> Loop:
    """Named points with several seeds tell what noise is."""
    points = {"a": {"x": 0.7}, "b": {"x": 0.7}}
    origin = {"code": "c", "data": "d", "space": "s", "versions": {}}
    known = {"points": points, "point_seeds": 3, "sampler": "random", "origin": origin, **OPTIONS}
    return Loop(record, name, task=FLAT, **{**known, **options})


def test_it_ends_by_itself_and_says_why(record):
    loop = flat(record)

    assert loop.run() == Searcher.FINISHED

    assert loop.ending.early is None
    assert 30 < len(loop.history.trials) < 200
    assert loop.history.unfinished == 0
    assert loop.searcher.ended_because.startswith("no gain: 32 further trials would better")
    assert "a quarter of one seed's noise" in loop.searcher.ended_because


def test_without_the_option_it_does_not(record):
    loop = flat(record, trials=120, stop_when_no_gain=False)
    loop.run()
    assert len(loop.history.trials) == 120
    assert loop.searcher.ended_because == ""


def test_killed_and_resumed_it_ends_with_the_same_trial(record):
    whole, killed = flat(record, "whole"), flat(record, "killed")
    whole.run()

    while killed.run(23) != Searcher.FINISHED:
        killed.begin()

    assert killed.table == whole.table
    assert killed.searcher.ended_because == whole.searcher.ended_because


def test_a_study_that_still_gains_goes_on(record):
    """What is proposed gets better and better."""
    loop = Loop(record, task=TASK, **{**OPTIONS, "trials": 40}, baseline=False)
    loop.run()
    assert len(loop.history.trials) == 40


def test_resumed_it_would_end_at_once_so_it_is_told_how_to_go_on(record, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loop = flat(record)
    loop.run()
    record.append(loop.study, session("finished", 200))

    with pytest.raises(UserError, match=r"has ended, no gain: .*: go on with --no-stop-when-no-g"):
        reopen(record, loop.study, FLAT, accept_changes=True)
    opened, _ = reopen(record, loop.study, FLAT, accept_changes=True, stop_when_no_gain=False)

    assert not record.study("s").config.stop_when_no_gain
    assert not opened.study.config.stop_when_no_gain
