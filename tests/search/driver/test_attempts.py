"""How long a segment may be silent, and when its trial is given up."""

from __future__ import annotations

import dataclasses

import pytest

from search.decisions.history import History
from search.driver import attempts
from search.driver.attempts import MAX_ATTEMPTS, MAX_DEPARTURES, NO_MEMORY, Cause, Silence
from search.tasks.config import StudyConfig
from tests.search.studies import epoch, history, segment, session, suggestion

CONFIG = StudyConfig(name="n", task="tests.curve_task:TASK", dataset="ones")


def _history(*walls_s: float) -> History:
    """Of one trial that is at work, and has ended epochs that took so long."""
    ends = [
        dataclasses.replace(epoch(0, number, 0.5), wall_s=wall_s)
        for number, wall_s in enumerate(walls_s, start=1)
    ]
    return history([session("started"), suggestion(0), segment(0, 1, 9), *ends])


def test_time_during_which_nothing_was_at_work_is_no_silence(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(attempts.time, "monotonic", lambda: now[0])
    silence = Silence(60.0, started=True)
    for step in (2, 2, 3600, 2):  # the machine is paused for an hour
        now[0] += step
        assert not silence.too_long()
    for _ in range(40):
        now[0] += 2
        silence.too_long()
    assert silence.too_long()
    silence.restart()
    assert not silence.too_long()


def test_an_epoch_may_take_ten_times_the_median_and_a_first_one_an_hour():
    assert attempts.epoch_limit_s(CONFIG, _history()) == 3600
    assert attempts.epoch_limit_s(CONFIG, _history(1, 2, 3)) == 600
    assert attempts.epoch_limit_s(CONFIG, _history(1, 100, 1000)) == 1000
    asked = dataclasses.replace(CONFIG, trial_timeout_s=7)
    assert attempts.epoch_limit_s(asked, _history(1, 100, 1000)) == 7
    assert attempts.start_limit_s(asked, _history()) == 120, "torch is imported first"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"preempted": "taken away"}, Cause(reason="taken away", counts=False)),
        ({"machine_gone": True}, Cause(reason="why", counts=False)),
        ({}, Cause(reason="why")),
        ({"why": NO_MEMORY, "silence": Silence(0, started=True)}, Cause(reason=NO_MEMORY)),
        ({"silence": Silence(0, started=True)}, Cause(reason="no epoch ended in 0 s", final=True)),
        ({"silence": Silence(0, started=False)}, Cause(reason="its process did not start in 0 s")),
    ],
)
def test_what_a_death_is_put_down_to(known, expected):
    known = {"preempted": "", "machine_gone": False, "silence": Silence(60, True), **known}
    why = known.pop("why", "why")

    assert attempts.cause_of_death(why, known.pop("silence"), **known) == expected


@pytest.mark.parametrize(("counts", "most"), [(True, MAX_ATTEMPTS), (False, MAX_DEPARTURES)])
def test_a_trial_is_given_up_after_so_many_of_a_kind(counts, most):
    known = _history(1.0)
    (trial,) = known.trials
    known.apply(200.0, attempts.failure(trial, Cause(reason="other", counts=not counts)))
    for number in range(1, most + 1):
        assert not trial.failed
        failed = attempts.failure(trial, Cause(reason="gone", counts=counts))
        known.apply(200.0 + number, failed)
        assert (failed.epoch, failed.attempt) == (2, number)
    assert trial.failed
    assert trial.failures[-1].reason == f"gone, {most} times"


def test_a_final_cause_is_final_at_once():
    (trial,) = _history().trials

    failed = attempts.failure(trial, Cause(reason="NaN\0", traceback="\ud800", final=True))

    assert failed.final
    assert (failed.reason, failed.traceback) == ("NaN\\0", "\\ud800")
