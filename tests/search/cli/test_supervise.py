"""The supervisor of a driver, with real drivers that are killed."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest

from search.cli.main import parse
from search.cli.supervise import _again, _was_asked_to_stop
from search.machines.remote import ACCEPTED
from search.record.record import Study
from search.tasks.config import StudyConfig
from tests.conftest import Place
from tests.search.studies import session
from tests.waiting import HANGS_S, wait_until

CURVE = "tests.curve_task:TASK"
RUN = ("run", CURVE, "--name", "s", "--trials", "12", "--workers", "2", "--no-baseline")


def _supervise(place: Place, *arguments: str) -> subprocess.Popen[str]:
    return place.start(*arguments, module="search.cli.supervise", stderr=subprocess.STDOUT)


def _driver(supervisor: subprocess.Popen[str], command: str) -> psutil.Process | None:
    for child in psutil.Process(supervisor.pid).children():
        if child.cmdline()[1:4] == ["-m", "search", command]:
            return child
    return None


@pytest.mark.long
def test_a_driver_that_is_killed_is_resumed_to_the_end(place):
    with _supervise(place, *RUN, "--set", "epoch_s=0.3", "--quiet") as supervisor:
        wait_until(lambda: _epochs(place) >= 4, process=supervisor)
        driver = _driver(supervisor, "run")
        assert driver is not None
        os.kill(driver.pid, signal.SIGKILL)
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 0, said
    assert f"{ACCEPTED}s" in said
    assert "the driver of s died (exit code -9)" in said
    record = place.record
    history = record.history(record.study("s"))
    assert [span.epochs > 0 for span in history.spans] == [True, True]
    assert history.last_session.event == "finished"
    assert sum(trial.epoch for trial in history.trials) == 12 + 4 * 2 + 1 * 6  # rungs 1, 3, 9


def test_a_command_that_is_refused_is_not_repeated(place):
    with _supervise(place, *RUN, "--set", "x=7") as supervisor:
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 2
    assert said.count("x must be in [0, 1]") == 1
    assert ACCEPTED not in said


def test_a_driver_that_dies_before_there_is_a_study_is_told_of(place):
    with _supervise(place, *RUN, "--quiet") as supervisor:
        driver = wait_until(lambda: _driver(supervisor, "run"), every_s=0.01)
        driver.kill()
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 1
    assert "the driver of s died (exit code -9): no stud" in said
    assert ACCEPTED not in said


@pytest.mark.long
def test_a_study_that_was_stopped_stays_so(place):
    with _supervise(place, *RUN, "--set", "epoch_s=2", "--quiet") as supervisor:
        wait_until(lambda: _epochs(place) >= 1, process=supervisor)
        with _supervise(place, "resume", "s") as second:
            refused, _ = second.communicate(timeout=HANGS_S)
        assert second.returncode == 2
        assert "is being driven by another process" in refused
        assert ACCEPTED not in refused
        assert place.search("stop", "s", "--now").returncode == 0
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 0, said
    assert "died" not in said
    record = place.record
    assert record.history(record.study("s")).last_session.event == "stopped"


@pytest.mark.long
def test_a_driver_that_dies_after_it_was_asked_to_stop_is_not_resumed(place):
    slow = ("--set", "epoch_s=30", "--trial-timeout", "100")
    with _supervise(place, *RUN, *slow, "--quiet") as supervisor:
        wait_until(lambda: _spans(place), process=supervisor)
        assert place.search("stop", "s").returncode == 0
        driver = _driver(supervisor, "run")
        assert driver is not None
        driver.kill()
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 0, said
    assert "died (exit code -9)" in said
    record = place.record
    history = record.history(record.study("s"))
    assert (len(history.spans), history.last_session.event) == (1, "stopped")


def test_a_request_from_before_the_supervisor_stops_none_of_its_drivers(place):
    record, study = place.record, _begun(place)
    record.requests.add(study, "stop")  # and its driver was stopped by it
    record.append(study, session("stopped"))
    obeyed = record.requests.newest([study])
    record.append(study, session("started"))

    assert not _was_asked_to_stop(record.folder, None, "s", obeyed)

    record.requests.add(study, "stop now")
    assert _was_asked_to_stop(record.folder, None, "s", obeyed)
    assert record.history(study).last_session.event == "stopped"
    # Also where the driver has obeyed, and died at its end.
    assert _was_asked_to_stop(record.folder, None, "s", obeyed)


@pytest.mark.long
def test_a_stop_while_the_supervisor_waits_is_heard(place):
    with _supervise(place, *RUN, "--set", "epoch_s=2", "--quiet") as supervisor:
        wait_until(lambda: _epochs(place) >= 1, process=supervisor)
        driver = _driver(supervisor, "run")
        assert driver is not None
        driver.kill()
        wait_until(lambda: not driver.is_running() or driver.status() == "zombie")
        told = place.search("stop", "s")
        said, _ = supervisor.communicate(timeout=HANGS_S)
    assert told.returncode == 0, told.stderr
    assert "nothing drives s now" in told.stdout
    assert supervisor.returncode == 0, said
    record = place.record
    history = record.history(record.study("s"))
    assert (len(history.spans), history.last_session.event) == (1, "stopped")


def _begun(place: Place) -> Study:
    study = place.record.create(StudyConfig(name="s", task=CURVE, dataset="ones"), {})
    place.record.append(study, session("started"))
    return study


def test_what_goes_on_keeps_the_options_that_were_typed():
    resume = ("resume", "s", "--trials", "99", "--accept-changes", "--time-budget", "60s")
    run = (*RUN, "--set", "x=0.5", "--address", "10.0.0.1:6379")

    again = _again(resume, parse(resume), 20.0)

    options = parse(again)
    assert (options.trials, options.accept_changes, options.time_budget) == (99, True, 40)
    assert _again(run, parse(run), 20.0) == [
        *("resume", "s", "--quiet", "--studies-dir", "studies", "--address", "10.0.0.1:6379")
    ]


def _spans(place: Place) -> int:
    record = place.record
    if not any(study.name == "s" for study in record.studies()):
        return 0
    return record.sessions(record.study("s"))


def _epochs(place: Place) -> int:
    record = place.record
    if not any(study.name == "s" for study in record.studies()):
        return 0
    return sum(trial.epoch for trial in record.history(record.study("s")).trials)
