"""A real study with its record in PostgreSQL: its driver killed, its database gone for a while."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Place
from tests.postgres import postgres_server
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    curves_at,
    curves_of,
    driven,
    epochs_of,
    history_of,
    log_of,
)
from tests.waiting import HANGS_S, wait_until

pytestmark = pytest.mark.long

CURVE = "tests.curve_task:TASK"
TRIALS, OUTAGE_S = 6, 14.0


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What was seen of one study that was killed, resumed and cut off from its record."""
    place = Place(tmp_path_factory.mktemp("postgresql"))
    seen: dict[str, Any] = {"place": place}
    run = ("run", CURVE, "--name", "s", "--trials", str(TRIALS), "--workers", "2", *WHOLE)
    with postgres_server() as server:
        place.env["SEARCH_RECORD"] = server.database()
        with driven(place, *run, "--set", "epoch_s=0.5") as driver:
            wait_until(lambda: epochs_of(place, "s") >= 6, "no epochs", process=driver)
            seen["second driver"] = place.search("resume", "s", "--quiet")
            os.killpg(driver.pid, signal.SIGKILL)
        seen["killed at"] = epochs_of(place, "s")
        with driven(place, "resume", "s") as driver:
            reached = seen["killed at"] + 3
            wait_until(
                lambda: epochs_of(place, "s") >= reached and _far_to_go(place),
                "no epochs",
                process=driver,
            )
            server.stop("immediate")
            begun = time.monotonic()
            seen["in the outage"] = [place.search("show", "s"), place.search("run", CURVE)]
            time.sleep(max(0.0, OUTAGE_S - (time.monotonic() - begun)))
            seen["lives through it"] = driver.poll() is None
            seen["ended at"] = time.time()
            server.start()
            seen["said"] = driver.communicate(timeout=HANGS_S)
            seen["code"] = driver.returncode
        yield seen


def _far_to_go(place: Place) -> bool:
    """Two trials run, and both have most of their segment before them."""
    running = history_of(place, "s").open_trials()
    return len(running) == 2 and all(trial.epoch <= trial.target - 5 for trial in running)


def test_a_second_driver_is_refused(seen):
    assert seen["second driver"].returncode == 2
    assert "driven by another process (search " in seen["second driver"].stderr


def test_a_killed_driver_s_lock_is_free_at_once_and_what_it_wrote_is_there(seen):
    assert seen["killed at"] >= 6  # and `resume` was not refused
    starts = [span for span in history_of(seen["place"], "s").spans if span.epochs]
    assert len(starts) == 2


def test_in_an_outage_trials_end_their_segments_and_pause(seen):
    assert seen["lives through it"]
    waiting = re.findall(r"(\d+) events wait to be recorded", seen["said"][1])
    assert any(3 <= int(events) <= 2 * 9 for events in waiting), seen["said"][1]
    trained_at = [at for t in history_of(seen["place"], "s").trials for at in t.epoch_times]
    assert not any(seen["ended at"] - 4 < at < seen["ended at"] for at in trained_at)
    assert any(at > seen["ended at"] for at in trained_at)


def test_after_an_outage_all_is_on_record_once(seen):
    place = seen["place"]

    assert seen["code"] == 0, seen["said"]
    history = history_of(place, "s")
    assert [trial.epoch for trial in history.trials] == [9] * TRIALS
    assert not any(trial.failures for trial in history.trials)
    for number in range(TRIALS):
        assert_undisturbed(place, "s", number)


def test_delivery_to_mlflow_bears_an_outage(seen):
    place = seen["place"]

    assert "does not answer" in log_of(place, "s")
    assert curves_at(f"sqlite:///{place.folder}/mlflow.db", "s") == curves_of(
        history_of(place, "s")
    )


def test_commands_say_in_a_line_that_the_server_does_not_answer(seen):
    for told in seen["in the outage"]:
        assert told.returncode == 2
        assert len(told.stderr.splitlines()) == 1, told.stderr
        assert "does not answer" in told.stderr


def test_every_command_takes_the_record_s_url(seen):
    place = seen["place"]
    record = ("--record", place.env["SEARCH_RECORD"])
    place = _without_environment(place)

    assert "s  " in place.search("list", *record).stdout
    assert json.loads(place.search("show", "s", "--json", *record).stdout)["state"] == "finished"
    assert place.search("sync", "s", *record).returncode == 0
    assert "not running" in place.search("stop", "s", *record).stderr
    assert "no studies in" in place.search("show", "s").stderr  # of the folder's own record
    assert "postgresql://" in place.search("delete", "x", *record).stderr
    assert place.search("delete", "s", "--yes", *record).returncode == 0
    assert place.search("list", *record).stdout == ""


def _without_environment(place: Place) -> Place:
    other = object.__new__(Place)
    other.folder = place.folder
    other.env = {name: value for name, value in place.env.items() if name != "SEARCH_RECORD"}
    return other
