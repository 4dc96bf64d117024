"""The decision point without Tune: a worker's loop in this process, on a real record.

`Loop` does what Tune does with a searcher; a driver dies when its searcher is dropped.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from search.decisions import plan
from search.decisions.giving_up import ALIKE_IN_A_ROW, ONLY_FAILURES
from search.driver.attempts import MAX_ATTEMPTS
from search.errors import RecordError
from search.record.record import Record, open_record
from search.tasks.task import Task
from tests.curve_task import TASK
from tests.postgres import postgres_server
from tests.search.driver.loop import TRIALS, Loop, end_segment


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path, create=True)


@pytest.mark.parametrize("workers", [1, 3])
def test_it_trains_exactly_what_was_planned(record, workers):
    loop = Loop(record, workers=workers)

    assert loop.run() == Searcher.FINISHED

    assert len(loop.history.trials) == TRIALS
    epochs = sum(trial.epoch for trial in loop.history.trials)
    assert epochs == plan.most_epochs_of(loop.study.config, TRIALS, 2) == 2 * 9 + 7 + 2 * 2


def test_the_first_trials_are_the_report_s_and_our_default_then_come_the_drawn(record):
    loop = Loop(record)
    loop.run()

    sources = [trial.suggestion.source for trial in loop.history.trials]
    assert sources == ["start", "default", *["tpe"] * (TRIALS - 2)]
    assert len({trial.suggestion.seed for trial in loop.history.trials}) == TRIALS


def test_fixed_values_are_in_every_drawn_trial(record):
    loop = Loop(record, fixed={"kind": "bumpy", "epoch_s": 0.001})
    loop.run()

    for trial in loop.history.trials[1:]:  # the report's own stands as it is
        assert trial.suggestion.config["kind"] == "bumpy"
        assert trial.suggestion.config["epoch_s"] == 0.001


def test_decisions_are_on_record(record):
    loop = Loop(record)
    loop.run()

    for trial in loop.history.trials:
        for epoch in trial.epochs[:-1]:
            at_rung = trial.number >= 2 and epoch.epoch in (1, 3)
            assert epoch.decision == ("pause" if at_rung else "go on")
        assert trial.epochs[-1].decision == ("complete" if trial.epoch == 9 else "pause")


@pytest.mark.parametrize("epochs", [*range(1, 29, 3), 28])
def test_killed_after_any_epoch_the_table_is_the_same(record, epochs):
    undisturbed, killed = Loop(record, "undisturbed"), Loop(record, "killed")
    undisturbed.run()

    killed.run(epochs)
    killed.begin()
    assert killed.run() == Searcher.FINISHED

    assert killed.table == undisturbed.table


def test_killed_after_every_epoch_the_table_is_the_same(record):
    undisturbed, killed = Loop(record, "undisturbed"), Loop(record, "killed")
    undisturbed.run()

    while killed.run(1) != Searcher.FINISHED:
        killed.begin()

    assert killed.table == undisturbed.table


def test_an_extended_study_keeps_what_it_has(record):
    loop = Loop(record)
    loop.run()
    before = loop.table

    loop.begin(trials=12)
    loop.run()

    assert loop.table[: len(before)] == before
    assert sum(trial.epoch for trial in loop.history.trials) == 2 * 9 + 10 + 3 * 2 + 1 * 6


def test_a_dead_process_is_retried_and_the_trial_unharmed(record):
    undisturbed, loop = Loop(record, "undisturbed"), Loop(record)
    undisturbed.run()

    loop.run(12)
    loop.process_dies()
    loop.run()

    assert loop.table == undisturbed.table
    assert [len(trial.failures) for trial in loop.history.trials] == [0, 1, *[0] * (TRIALS - 2)]


def test_a_trial_under_which_processes_keep_dying_fails(record):
    loop = Loop(record)
    for _ in range(MAX_ATTEMPTS):
        loop.run(1)
        loop.process_dies()

    first = loop.history.trials[0]
    assert first.failed
    assert first.epoch == MAX_ATTEMPTS  # each attempt went on where the one before was
    loop.run()
    assert loop.history.state(loop.history.trials[1], 9) == "complete"


def test_a_death_that_cannot_be_recorded_ends_the_study(record, monkeypatch):
    """Else its trial would be at work for ever, in nobody's hands."""
    loop = Loop(record)
    loop.run(3)

    def full(*_: Any) -> None:
        raise RecordError("the record cannot be written: disk full")

    monkeypatch.setattr(record, "append", full)
    loop.process_dies()

    assert loop.ending.early is not None
    assert loop.ending.early.outcome == "failed"
    assert "disk full" in loop.ending.early.why


def test_a_reason_that_is_no_text_is_made_one(record):
    loop = Loop(record)
    [trial_id] = [loop.searcher.suggest("0") and "0"]
    odd = "no file caf\udce9\0.txt"

    result = {"failure": odd, "traceback": odd, "final": True, "done": True}
    loop.searcher.on_trial_result(trial_id, result)

    [failure] = record.history(loop.study).trials[0].failures
    assert failure.reason == failure.traceback == r"no file caf\udce9\0.txt"


def test_a_study_in_which_every_trial_fails_is_ended(record):
    loop = Loop(record, baseline=False, min_epochs=2, fixed={"fault": "raise"})

    assert loop.run() == Searcher.FINISHED

    assert len(loop.history.trials) == ONLY_FAILURES
    assert loop.ending.early is not None
    assert loop.ending.early.outcome == "failed"
    assert "every trial fails: asked to fail" in loop.ending.early.why


def test_failures_after_a_success_do_not_end_a_study(record):
    loop = Loop(record, min_epochs=2, fixed={"fault": "raise"})  # but the report's own trial

    loop.run()

    assert loop.ending.early is None
    assert [trial.failed for trial in loop.history.trials] == [False, *[True] * (TRIALS - 1)]


def test_trials_that_all_fail_alike_end_a_study_also_after_a_success(record):
    """Something has broken, as the data's disk or a card."""

    def broken(told: dict[str, Any]) -> Iterator[Any]:
        raise RuntimeError("the disk is gone")
        yield

    loop = Loop(record, trials=40)
    loop.run(20)
    trains, loop._train = loop._train, broken

    loop.run()

    failed = loop.history.failed
    assert ALIKE_IN_A_ROW <= failed < 15
    assert loop.ending.early.why == (
        f"the last {failed} trials failed alike, and no epoch ended: the disk is gone"
    )

    loop.begin()  # a new driver gives it another chance
    loop._train = trains
    loop.run()
    assert loop.history.failed == failed
    assert len(loop.history.trials) == 40


def test_after_a_stop_no_segment_is_given_out(record):
    loop = Loop(record)
    loop.run(3)
    loop.ending.request("stopped", "asked to stop", grace_s=None)

    assert loop.searcher.suggest("another") is None  # a segment is still at work
    assert loop.run() == Searcher.FINISHED
    assert [trial.epoch for trial in loop.history.trials] == [9]


def test_a_replayed_epoch_leaves_the_record_as_it_is(record):
    loop = Loop(record)
    loop.run(3)
    before = loop.table
    told = loop.searcher.on_trial_result

    told("0", {"epoch": 2, "metrics/score": 0.5, "cpu_s": 1, "wall_s": 1, "reset_s": 0})

    assert loop.table == before


def test_no_more_segments_than_workers(record):
    loop = Loop(record, workers=2)

    told = [loop.searcher.suggest(str(n)) for n in range(3)]

    assert [segment and segment["trial"] for segment in told] == [0, 1, None]


def test_a_segment_says_all_that_a_worker_needs(record):
    loop = Loop(record)
    told = loop.searcher.suggest("0")
    first = loop.history.trials[0].suggestion

    assert told["config"] == first.config
    assert told["seed"] == first.seed
    assert (told["trial"], told["first_epoch"], told["last_epoch"]) == (0, 1, 9)
    assert told["timeout_s"] > 0


def test_what_is_minimised_is_minimised(record):
    """The trial that leaves the rung is the one with the smallest loss."""
    loop = Loop(record, task=_minimising(), baseline=False)
    loop.run()

    drawn = loop.history.trials
    went_on = [trial for trial in drawn if trial.epoch > 1]
    assert drawn[0].suggestion.source == "tpe"
    first_three = drawn[:3]
    best = min(first_three, key=lambda trial: trial.value("loss", 1))
    assert best in went_on


def _minimising() -> Task:

    return dataclasses.replace(TASK, metric="loss", mode="min")


def test_no_worker_has_what_is_not_on_record(tmp_path):
    """The record's server goes while a segment trains, and once more when one is asked for."""
    with postgres_server() as server:
        record = open_record(tmp_path, url=server.database(), create=True)
        with record.driver_lock("s"):
            loop = Loop(record)
            for ends_first in (False, True):
                loop.run(epochs=1 + 9)  # the second trial, full length, is at its first epoch
                if ends_first:
                    end_segment(loop)
                server.stop()
                if not ends_first:
                    end_segment(loop)
                known = [loop.searcher.suggest(f"{ends_first}{n}") for n in range(3)]
                assert known == [None] * 3
                assert 0 < record.unwritten <= 9
                decided = len(loop.searcher.history.trials)
                server.start()
                while (told := loop.searcher.suggest(f"{ends_first}")) is None:
                    time.sleep(0.05)
                assert told["trial"] == decided - ends_first
                loop.at_work[f"{ends_first}"] = told, loop._train(told)
            assert loop.run() == Searcher.FINISHED

        assert len(loop.searcher.history.trials) == TRIALS
        assert record.history(loop.study).trials == loop.searcher.history.trials
