"""What hangs before its first epoch is ended too: nothing waits for ever."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT, Place
from tests.search.faults.faults import WHOLE, assert_undisturbed, history_of, log_of

pytestmark = pytest.mark.long

TIMEOUT_S, START_S = 3, 20


@pytest.fixture
def impatient(place: Place) -> Place:
    place.env["PYTHONPATH"] = f"{ROOT}/tests/fault_hooks:{ROOT}"
    place.env["FAULT_START_S"] = str(START_S)
    return place


def test_a_task_whose_import_hangs_fails_its_trial_and_the_log_says_where(impatient: Place) -> None:
    run = ("run", "tests.hang_task:TASK", "--name", "s", "--trials", "1", "--workers", "1")

    told = impatient.search(*run, *WHOLE, "--trial-timeout", f"{TIMEOUT_S}s")

    assert told.returncode == 1, told.stderr
    assert "every trial failed" in told.stderr
    [trial] = history_of(impatient, "s").trials
    assert [f.reason for f in trial.failures] == [f"no epoch ended in {TIMEOUT_S} s"]
    assert "hang_task.py" in log_of(impatient, "s", 0)


def test_a_process_that_does_not_start_is_ended_and_another_takes_its_place(
    impatient: Place,
) -> None:
    """It hangs before anything of ours runs."""
    impatient.env["FAULT_STARTS"] = f"{impatient.folder}/starts:1"
    run = ("run", "tests.curve_task:TASK", "--name", "s", "--trials", "1", "--workers", "1")

    told = impatient.search(*run, *WHOLE, "--trial-timeout", f"{TIMEOUT_S}s")

    assert told.returncode == 0, told.stderr
    [trial] = history_of(impatient, "s").trials
    assert [f.reason for f in trial.failures] == [f"its process did not start in {START_S} s"]
    assert_undisturbed(impatient, "s", 0)
