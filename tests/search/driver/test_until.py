"""A study that is to end when it has reached something, on a real record."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.driver.new_study import asked_for
from search.driver.reopen import reopen
from search.errors import UserError
from search.record.record import Record, open_record
from tests.conftest import Place
from tests.search.cli.finished import finished_study
from tests.search.driver.loop import Loop

CURVE = "tests.curve_task:TASK"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


def test_a_complete_trial_that_has_it_ends_the_study_as_the_time_budget_does(record):
    loop = Loop(record, until="score>=0.1")

    loop.run()

    assert loop.ending.early is not None
    assert loop.ending.early.outcome == "stopped"
    assert loop.ending.early.why.startswith("trial 0 has score 0.")
    assert loop.ending.early.why.endswith("as was asked for (score>=0.1)")
    assert loop.ending.at_next_epoch
    assert len(loop.history.trials) == 1


def test_what_no_trial_reaches_ends_nothing(record):
    loop = Loop(record, until="score>=10")

    loop.run()

    assert loop.ending.early is None


def test_it_is_checked_when_it_is_given():
    with pytest.raises(UserError, match="the study's objective, score"):
        asked_for(CURVE, until="accuracy>=0.5")


def test_it_is_kept_and_one_that_is_reached_must_be_changed(place: Place, monkeypatch):
    monkeypatch.chdir(place.folder)
    study = finished_study(place, until="score>=0.55")

    with pytest.raises(UserError, match=r"has reached score>=0.55, by trial 1: .*--until none"):
        reopen(place.record, study, accept_changes=True)
    assert place.record.study("old").config.until == "score>=0.55"
    opened, _ = reopen(place.record, study, accept_changes=True, until="score>=0.9")
    assert opened.study.config.until == "score>=0.9"
    opened, _ = reopen(place.record, opened.study, accept_changes=True, until="none")
    assert place.record.study("old").config.until == ""
