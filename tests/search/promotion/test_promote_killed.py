"""A promotion that is killed repeats no run that it has finished."""

from __future__ import annotations

import json
import subprocess

import psutil
import pytest

from search.decisions.audit import AUDITED
from search.decisions.history import EpochEnd, Segment
from tests.conftest import Place
from tests.search.promotion.promoting import CONFIRMED, FINAL, PROMOTE, SEARCH, events
from tests.waiting import HANGS_S, wait_until


@pytest.mark.long
def test_killed_again_and_again_it_repeats_no_finished_run(place):
    """kill -9 in the confirmation; then, under a cluster's supervisor, in the final runs, beside
    which stopped trials are audited."""
    stopping = ("--trials", "12", "--max-epochs", "3", "--scheduler", "asha")
    place.together(("run", *SEARCH, *stopping, "--name", "killed", "--seed", "1"))
    promote = ("promote", "killed", *PROMOTE, "--json", "--quiet")
    with place.start(*promote) as driver:
        _await_epochs(place, "killed.confirm", 5, driver)
        driver.kill()
    with place.start(*promote, module="search.cli.supervise") as supervisor:
        _await_epochs(place, "killed.final", 2, supervisor)
        (driver,) = psutil.Process(supervisor.pid).children()
        finished = {
            (name, event.trial)
            for name in ("killed.confirm", "killed.final")
            for event in events(place, name, EpochEnd)
            if event.decision == "complete"
        }
        driver.kill()
        said, errors = supervisor.communicate(timeout=HANGS_S)
    assert supervisor.returncode == 0, errors
    assert "the promotion of killed died (exit code -9)" in said
    assert finished

    result = json.loads(said.splitlines()[-1])

    assert result["test_readings"] == FINAL
    assert len(result["audit"]["audited"]) == AUDITED
    for name, runs in (("killed.confirm", CONFIRMED), ("killed.final", FINAL + AUDITED)):
        epochs = [(e.trial, e.epoch) for e in events(place, name, EpochEnd)]
        assert sorted(epochs) == [(trial, epoch) for trial in range(runs) for epoch in (1, 2, 3)]
        segments = [e.trial for e in events(place, name, Segment)]
        for trial in range(runs):
            if (name, trial) in finished:
                assert segments.count(trial) <= 2  # begun, perhaps interrupted before it ended


def _await_epochs(place: Place, study: str, epochs: int, process: subprocess.Popen[str]) -> None:
    enough = lambda: len(events(place, study, EpochEnd)) >= epochs  # noqa: E731
    wait_until(enough, "no epochs", process=process, every_s=0.02)
