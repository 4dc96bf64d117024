"""Faults of workers and trials, each tried for real; test_faults_driver.py and _record.py go on.

Starting Ray takes seconds, so one study bears several that do not disturb one another.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import Place
from tests.search.faults.faults import WHOLE, assert_undisturbed, driven, history_of, log_of

pytestmark = pytest.mark.long

FATES, CURVE = "tests.fault_task:TASK", "tests.curve_task:TASK"
KILLED, HANGS, PREEMPTED, DOOMED, DAMAGED, FINE = range(6)  # the trials of tests/fault_task.py
TIMEOUT_S = 5


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two workers, six trials; one is let alone."""
    place = Place(tmp_path_factory.mktemp("fates"))
    run = ("run", FATES, "--name", "fates", "--trials", "6", "--workers", "2", "--quiet")
    with driven(place, *run, "--trial-timeout", f"{TIMEOUT_S}s") as driver:
        waiting = {
            KILLED: lambda trial: trial.epoch >= 3,
            PREEMPTED: lambda trial: trial.epoch >= 3,
            DOOMED: lambda trial: trial.epoch >= 2 * (trial.attempt + 1),
            DAMAGED: lambda trial: trial.epoch >= 4,
        }
        while driver.poll() is None:
            time.sleep(0.05)
            for trial in history_of(place, "fates").trials:
                if trial.number not in waiting or not waiting[trial.number](trial):
                    continue
                worker = _worker_in_epoch(driver, trial.number)
                if worker is None:
                    continue
                if trial.number == DAMAGED:
                    worker.suspend()
                    _alter(_newest_checkpoint(place, "fates", DAMAGED))
                worker.send_signal(signal.SIGTERM if trial.number == PREEMPTED else signal.SIGKILL)
                worker.wait(10)
                if trial.number != DOOMED or trial.attempt == 2:
                    del waiting[trial.number]
        out, err = driver.communicate()
        assert driver.returncode == 0, out + err
    return place


def test_a_killed_worker_s_trial_goes_on_from_its_checkpoint(fates):
    trial = history_of(fates, "fates").trials[KILLED]

    assert trial.epoch == 9
    assert [(f.counts, f.final) for f in trial.failures] == [(True, False)]
    assert {epoch.attempt for epoch in trial.epochs} == {0, 1}
    printed = log_of(fates, "fates", KILLED)
    assert printed.count("epoch 1\n") == 1  # not from the start
    assert_undisturbed(fates, "fates", KILLED)


def test_a_worker_that_dies_under_each_attempt_fails_its_trial_with_the_reason(fates):
    trial = history_of(fates, "fates").trials[DOOMED]

    assert trial.failed
    assert [(f.attempt, f.counts, f.final) for f in trial.failures] == [
        (0, True, False),
        (1, True, False),
        (2, True, True),
    ]
    assert all("process died" in failure.reason for failure in trial.failures)
    assert "3 times" in trial.failures[-1].reason
    assert_undisturbed(fates, "fates", DOOMED, trial.epoch)  # what it got to is on record


def test_a_worker_told_to_go_is_no_failure_of_its_trial(fates):
    trial = history_of(fates, "fates").trials[PREEMPTED]

    assert [failure.counts for failure in trial.failures] == [False]
    assert "SIGTERM" in trial.failures[0].reason
    assert_undisturbed(fates, "fates", PREEMPTED)


def test_a_hanging_trial_fails_and_its_slot_works_again(fates):
    history = history_of(fates, "fates")
    hangs = history.trials[HANGS]

    assert (hangs.epoch, hangs.failed) == (2, True)
    assert [f.reason for f in hangs.failures] == [f"no epoch ended in {TIMEOUT_S} s"]
    took_s = hangs.ended_at - hangs.epoch_times[-1]
    assert TIMEOUT_S <= took_s < TIMEOUT_S + 5
    assert "in train" in log_of(fates, "fates", HANGS)  # where it hung
    assert history.trials[FINE].epoch == 9


def test_an_altered_checkpoint_is_passed_over_for_the_one_before(fates):
    trial = history_of(fates, "fates").trials[DAMAGED]
    fourth_on = [line for line in log_of(fates, "fates", DAMAGED).splitlines() if line == "epoch 4"]

    assert len(trial.failures) == 1
    assert len(fourth_on) == 2  # trained anew, with the same outcome:
    assert_undisturbed(fates, "fates", DAMAGED)


def test_the_others_are_untouched(fates):
    trial = history_of(fates, "fates").trials[FINE]

    assert trial.failures == []
    assert_undisturbed(fates, "fates", FINE)


def test_where_every_trial_fails_the_study_stops_with_the_reason(place):
    run = ("run", CURVE, "--trials", "40", "--workers", "1", "--name", "s", *WHOLE)

    told = place.search(*run, "--set", "fault=raise")

    assert told.returncode == 1
    assert told.stderr.splitlines()[-1] == ("error: every trial fails: RuntimeError: asked to fail")
    assert len(history_of(place, "s").trials) == 5


def _worker_in_epoch(driver: subprocess.Popen[str], trial: int) -> psutil.Process | None:
    """The worker process that trains the trial at this moment: it has the trial's log open."""
    for process in psutil.Process(driver.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("ray::"):
                names = {Path(file.path).name for file in process.open_files()}
                if f"trial-{trial}.log" in names:
                    return process
    return None


def _newest_checkpoint(place: Place, name: str, trial: int) -> Path:
    folder = place.folder / "studies" / name / "checkpoints" / f"trial-{trial}"
    return max(folder.glob("epoch-*.pt"))


def _alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
