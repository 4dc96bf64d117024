"""A study told to go, its MLflow server gone, its clock set back: tried for real, in one study."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT, Place
from tests.mlflow_server import MlflowServer
from tests.search.faults.faults import (
    WHOLE,
    assert_undisturbed,
    curves_of,
    driven,
    epochs_of,
    history_of,
    log_of,
)
from tests.waiting import HANGS_S, Stopwatch, wait_until

pytestmark = pytest.mark.long

CURVE = "tests.curve_task:TASK"


@pytest.fixture(scope="module")
def preempted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What was seen of a study that was told to go, and gone on with a day earlier."""
    place = Place(tmp_path_factory.mktemp("preempted"))
    place.env["PYTHONPATH"] = f"{ROOT}/tests/fault_hooks:{ROOT}"
    place.env["FAULT_CLOCK"] = "12:-3600"
    seen: dict[str, Any] = {"place": place}
    server = MlflowServer(place.folder)
    server.start()
    run = ("run", CURVE, "--name", "s", "--trials", "12", "--workers", "2", *WHOLE)
    try:
        with driven(place, *run, "--set", "epoch_s=0.8", "--tracking-uri", server.uri) as driver:
            wait_until(lambda: server.epochs("s") > 0, "nothing delivered", process=driver)
            server.stop()
            before = epochs_of(place, "s")
            # A reason that lasts is logged once.
            wait_until(
                lambda: (
                    "not delivered" in log_of(place, "s") and epochs_of(place, "s") >= before + 2
                ),
                "no outage, or training waits",
                process=driver,
            )
            seen["trained in the outage"] = epochs_of(place, "s") - before
            server.start()
            delivered = server.epochs("s")
            wait_until(
                lambda: server.epochs("s") > delivered, "not delivered again", process=driver
            )
            seen["second driver"] = place.search("resume", "s", "--quiet")
            server.stop()
            seen["epochs"] = epochs_of(place, "s")
            stopwatch = Stopwatch()
            driver.terminate()
            seen["said"] = driver.communicate(timeout=HANGS_S)[1]
            seen["exit in 5 s"] = stopwatch.within(5)
            seen["code"] = driver.returncode
        seen["first"] = history_of(place, "s")
        server.start()
        seen["synced"] = place.search("sync", "s")
        seen["after sync"] = server.curves("s")
        place.env["FAULT_CLOCK"] = "0:-86400"
        seen["resumed"] = place.search("resume", "s", "--quiet")
        seen["curves"] = server.curves("s")
        yield seen
    finally:
        server.stop()


def test_a_second_driver_is_refused_at_once(preempted):
    told = preempted["second driver"]

    assert told.returncode == 2
    assert "driven by another process" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_sigterm_ends_a_driver_in_5_s_and_every_finished_epoch_is_safe(preempted):
    place, first = preempted["place"], preempted["first"]

    assert preempted["code"] == 130
    assert preempted["exit in 5 s"]  # though the MLflow server does not answer
    assert sum(trial.epoch for trial in first.trials) >= preempted["epochs"]
    assert not any(trial.failures for trial in first.trials)
    assert "Traceback" not in preempted["said"]
    resumed = preempted["resumed"]
    assert resumed.returncode == 0, resumed.stderr
    for number in range(12):
        assert_undisturbed(place, "s", number)
    assert not any(trial.failures for trial in history_of(place, "s").trials)


def test_training_does_not_wait_for_a_server_that_is_gone(preempted):
    assert preempted["trained in the outage"] >= 2


def test_sync_delivers_what_a_server_missed_that_was_gone_for_good(preempted):
    assert preempted["synced"].returncode == 0, preempted["synced"].stderr
    assert preempted["after sync"] == curves_of(preempted["first"])


def test_all_is_delivered_once_when_the_server_is_back(preempted):
    assert preempted["curves"] == curves_of(history_of(preempted["place"], "s"))


def test_a_clock_set_back_changes_no_duration_and_no_order(preempted):
    events = preempted["place"].record.events(preempted["place"].record.study("s"))
    times = [at for _, at, _ in events]

    assert times == sorted(times)
    spans = history_of(preempted["place"], "s").spans
    assert len(spans) == 2
    assert all(0 < span.wall_s < 200 for span in spans)
    assert all(0 < span.training_s <= span.wall_s for span in spans)


def test_sigterm_to_all_its_processes_ends_a_driver_in_5_s_too(place):
    """As when a machine is shut down: Ray's own processes are gone before it."""
    run = ("run", CURVE, "--name", "s", "--trials", "4", "--workers", "1", *WHOLE)
    with driven(place, *run, "--set", "epoch_s=0.5") as driver:
        wait_until(lambda: epochs_of(place, "s") >= 2, "no epochs", process=driver)
        before, stopwatch = epochs_of(place, "s"), Stopwatch()
        os.killpg(driver.pid, signal.SIGTERM)
        said = driver.communicate(timeout=HANGS_S)[1]
        in_time = stopwatch.within(5)

    assert driver.returncode == 130, said
    assert in_time
    assert epochs_of(place, "s") >= before
    assert not any(trial.failures for trial in history_of(place, "s").trials)
