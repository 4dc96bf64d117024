"""Why and how a study ends before its end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.driver import ending
from search.driver.ending import GRACE_S, Ending
from search.driver.stop import SUPERVISED, newest_request, request_stop
from search.errors import RecordError
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.search.studies import session


class _Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(ending, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Also where the tests run in the background, or under nohup."""
    terminal = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in terminal.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


@pytest.fixture
def study(record: Record) -> Study:
    return record.create(StudyConfig(name="s", task="t", dataset="d"), {})


@pytest.fixture
def end(record: Record, study: Study, clock: _Clock) -> Iterator[Ending]:
    with Ending(record, study) as end:
        yield end


def _signal(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_nothing_ends_by_itself(end, clock):
    clock.now += 10**6
    end.poll()

    assert (end.early, end.at_next_epoch, end.overdue) == (None, False, False)


def test_ctrl_c_waits_for_epochs_then_leaves_them(end, clock, capsys):
    _signal(signal.SIGINT)

    assert end.early.outcome == "interrupted"
    assert end.at_next_epoch
    assert not end.overdue
    assert "waiting up to 5 s" in capsys.readouterr().err
    clock.now += GRACE_S
    assert end.overdue


def test_ctrl_c_twice_ends_now(end):
    _signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _signal(signal.SIGINT)


def test_ctrl_c_twice_ends_now_also_after_a_request_to_stop(end):
    end.request("stopped", "asked to stop", grace_s=None)
    _signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        _signal(signal.SIGINT)


def test_sigterm_has_less_time(end, clock):
    _signal(signal.SIGTERM)
    clock.now += 1.5

    assert end.overdue
    assert end.early.why == "interrupted by SIGTERM"


def test_a_terminal_that_is_closed_is_one_of_them_unless_nohup_says_no(record, study, monkeypatch):
    class Gone:
        def write(self, text: str) -> None:
            raise OSError("Input/output error")

    with Ending(record, study) as end:
        monkeypatch.setattr(sys, "stderr", Gone())
        _signal(signal.SIGHUP)
        assert end.early.why == "interrupted by SIGHUP"
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Ending(record, study) as end:
        _signal(signal.SIGHUP)
        assert end.early is None


def test_a_study_in_the_background_of_a_script_hears_an_interrupt_too(record, study):
    """There the shell has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Ending(record, study) as end:
        _signal(signal.SIGINT)
        assert end.early.why == "interrupted by SIGINT"


def test_signals_are_given_back(record, study):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with Ending(record, study):
        assert signal.getsignal(signal.SIGINT) != before[0]

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_request_to_stop_lets_running_segments_finish(end, record, study, clock):
    record.requests.add(study, "stop")
    end.poll()

    assert end.early.outcome == "stopped"
    assert not end.at_next_epoch
    clock.now += 10**6
    assert not end.overdue


def test_a_request_to_stop_now_hastens_one_to_stop(end, record, study, clock):
    record.requests.add(study, "stop")
    end.poll()
    record.requests.add(study, "stop now")
    clock.now += 1
    end.poll()

    assert end.at_next_epoch
    clock.now += GRACE_S
    assert end.overdue
    assert end.early.why == "asked to stop"  # the first reason stands


def test_ctrl_c_after_a_request_still_gives_time(end, record, study):
    record.requests.add(study, "stop")
    end.poll()

    _signal(signal.SIGINT)

    assert end.at_next_epoch
    assert not end.overdue


def test_requests_are_looked_for_once_a_second(end, record, study, clock):
    end.poll()
    record.requests.add(study, "stop")
    clock.now += 0.5
    end.poll()
    assert end.early is None

    clock.now += 0.5
    end.poll()
    assert end.early is not None


def test_a_request_to_an_earlier_driver_is_not_heard(record, study, clock):
    record.append(study, session("started"), session("stopped"))
    record.requests.add(study, "stop now")

    end = Ending(record, study)
    end.poll()

    assert end.early is None


def test_a_request_before_the_first_driver_is_heard(record, study, clock):
    """The study is there to be named a moment before its driver has its lock."""
    record.requests.add(study, "stop")

    end = Ending(record, study)
    end.poll()

    assert end.early.why == "asked to stop"


def test_a_request_while_a_supervised_driver_starts_is_heard(record, study, clock, monkeypatch):
    record.append(study, session("started"))
    record.requests.add(study, "stop")
    monkeypatch.setenv(SUPERVISED, str(newest_request(record, study)))
    record.requests.add(study, "stop now")

    end = Ending(record, study)
    end.poll()

    assert end.early.why == "asked to stop now"


def test_a_phase_hears_what_its_promotion_is_asked(record, study, clock):
    config = StudyConfig(name="s.final", task="t", dataset="d", phase="final", parent="s")
    phase = record.create(config, {})
    begun = newest_request(record, study)
    record.requests.add(study, "stop")

    end = Ending(record, phase, obeyed=begun)
    end.poll()

    assert end.early.why == "asked to stop"


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        ([], True),
        (["started"], True),
        (["started", "finished"], False),
        (["started", "stopped"], False),
        (["started", "interrupted"], False),
    ],
)
def test_what_may_be_about_to_run_can_be_asked(record, study, events, asked):
    record.append(study, *map(session, events))
    lines = []

    if not asked:
        with pytest.raises(RecordError, match="study s is not running"):
            request_stop(record, study, now=False, say=lines.append)
        return
    assert request_stop(record, study, now=False, say=lines.append) == "s"
    assert "nothing drives s now" in lines[0]
    assert record.requests.newest([study]) > 0


@pytest.mark.parametrize(
    ("phases", "asked"),
    [
        ({"confirm": ["started", "finished"]}, "s"),
        ({"confirm": ["started"]}, "s.confirm"),
        ({"confirm": ["started", "finished"], "final": []}, "s.final"),
        ({"confirm": ["started", "finished"], "final": ["started", "finished"]}, None),
    ],
)
def test_a_promotion_can_be_asked_between_its_phases(record, study, phases, asked):
    record.append(study, session("started"), session("finished"))
    for phase, events in phases.items():
        name = f"s.{phase}"
        config = StudyConfig(name=name, task="t", dataset="d", phase=phase, parent="s")
        record.append(record.create(config, {}), *map(session, events))

    if asked is None:
        with pytest.raises(RecordError, match="study s is not running"):
            request_stop(record, study, now=False)
    else:
        assert request_stop(record, study, now=False) == asked


def test_the_time_budget_ends_a_study(record, study, clock):
    end = Ending(record, study, time_budget_s=60)
    clock.now += 59
    end.poll()
    assert end.early is None

    clock.now += 1
    end.poll()

    assert (end.early.outcome, end.at_next_epoch) == ("stopped", True)
    assert "time budget of 60 s" in end.early.why


def test_a_later_reason_never_gives_more_time(end, clock):
    end.request("failed", "the disk is full", grace_s=0)
    end.request("interrupted", "Ctrl-C", grace_s=5)

    assert end.overdue
    assert end.early.outcome == "failed"
