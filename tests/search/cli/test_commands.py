"""The commands that end a study and go on with it, on real drivers, one after the other."""

from __future__ import annotations

import pytest

from search.decisions.audit import AUDITED
from search.decisions.history import Session, Trial
from tests.conftest import Place
from tests.waiting import HANGS_S, Stopwatch, wait_until

pytestmark = pytest.mark.long

CURVE = "tests.curve_task:TASK"
TRIALS = 24  # 72 epochs of half a second: not done at any of the three ends
RUN = ("run", CURVE, "--name", "s", "--trials", str(TRIALS), "--workers", "2", "--no-baseline")
OPTIONS = ("--set", "epoch_s=0.5", "--keep-checkpoints", "2", "--max-epochs", "4",
           "--min-epochs", "2", "--reduction-factor", "2", "--quiet")  # fmt: skip


def test_a_study_is_ended_in_every_way_and_goes_on(place):
    told = place.search(*RUN, *OPTIONS, "--time-budget", "12s")
    assert told.returncode == 0, told.stderr
    assert "the time budget of 12 s is spent" in told.stderr
    assert "stopped" in told.stdout
    done = _epochs(place)

    with place.start("resume", "s", "--quiet") as driver:
        wait_until(lambda: _epochs(place) > done, process=driver)
        refused = place.search("delete", "s", "--yes")
        assert refused.returncode == 2
        assert "driven by another process" in refused.stderr
        stopwatch = Stopwatch()
        assert place.search("stop", "s", "--now").returncode == 0
        said = driver.communicate(timeout=HANGS_S)[1]
        assert stopwatch.within(45)
    assert driver.returncode == 0
    assert "asked to stop now" in said
    _assert_nothing_failed(place)

    done = _epochs(place)
    with place.start("resume", "s", "--quiet") as driver:
        wait_until(lambda: _epochs(place) > done, process=driver)
        running = [trial.number for trial in _trials(place) if trial.open]
        assert place.search("stop", "s").returncode == 0
        said = driver.communicate(timeout=HANGS_S)[1]
    assert driver.returncode == 0
    assert "asked to stop" in said
    assert running
    for number in running:  # finished what they were told to
        assert _trials(place)[number].epoch >= _trials(place)[number].target
    _assert_nothing_failed(place)

    _change_the_code(place)
    refused = place.search("resume", "s")
    assert refused.returncode == 2
    assert "began with other versions (code other" in refused.stderr
    assert "--accept-changes" in refused.stderr
    told = place.search("resume", "s", "--quiet", "--accept-changes")
    assert told.returncode == 0, told.stderr
    trials = _trials(place)
    assert len(trials) == TRIALS
    planned = TRIALS * 2 + TRIALS // 2 * 2  # rungs 2 and 4
    assert sum(trial.epoch for trial in trials) == planned  # none lost, none repeated
    kept = list((place.folder / "studies" / "s" / "checkpoints").iterdir())
    # The best two, and the stopped ones that a promotion will audit.
    assert len(kept) == 2 + AUDITED
    best = max((trial for trial in trials if trial.epoch == 4), key=lambda t: t.value("score"))
    assert f"trial-{best.number}" in {folder.name for folder in kept}


def _trials(place: Place) -> list[Trial]:
    record = place.record
    return record.history(record.study("s")).trials


def _epochs(place: Place) -> int:
    return sum(trial.epoch for trial in _trials(place))


def _assert_nothing_failed(place: Place) -> None:
    assert [trial.failures for trial in _trials(place)] == [[] for _ in _trials(place)]


def _change_the_code(place: Place) -> None:
    """On record, at least: the study was last driven by other code."""
    record = place.record
    study = record.study("s")
    depends_on = {**record.history(study).depends_on, "code": "other"}
    details = {"depends_on": depends_on}
    record.append(study, Session(event="started", trials=TRIALS, details=details))
    record.append(study, Session(event="interrupted", trials=TRIALS))
