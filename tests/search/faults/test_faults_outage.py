"""A driver that dies while its database is away: nothing that was trained is trained again."""

from __future__ import annotations

import os
import signal

import pytest

from tests.conftest import Place
from tests.postgres import postgres_server
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    driven,
    epochs_of,
    history_of,
    log_of,
)
from tests.waiting import wait_until

CURVE = "tests.curve_task:TASK"


@pytest.mark.long
def test_it_goes_on_from_its_newest_checkpoint(place: Place):
    run = ("run", CURVE, "--name", "s", "--trials", "1", "--workers", "1", *WHOLE)
    with postgres_server() as server:
        place.env["SEARCH_RECORD"] = server.database()
        with driven(place, *run, "--set", "epoch_s=1.5") as driver:
            wait_until(lambda: epochs_of(place, "s") >= 1, "no epochs", process=driver)
            server.stop("immediate")
            enough = lambda: "epoch 7" in log_of(place, "s", 0)  # noqa: E731
            wait_until(enough, "it does not go on without its record", process=driver)
            os.killpg(driver.pid, signal.SIGKILL)
        server.start()
        known = epochs_of(place, "s")
        done = place.search("resume", "s", "--quiet")
        states = [history_of(place, "s").state(t, 9) for t in history_of(place, "s").trials]
        assert_undisturbed(place, "s", 0)

    assert done.returncode == 0, done.stderr
    assert known <= 3  # the others were in the driver's memory only
    assert states == ["complete"]
    trained = log_of(place, "s", 0).split("\n")
    # The one that was at work when it was killed, perhaps.
    assert [trained.count(f"epoch {number}") for number in range(1, 7)] == [1] * 6
