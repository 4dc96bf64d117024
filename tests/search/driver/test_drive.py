"""A driver's start and end, without trials in between."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.driver import run
from search.driver.ending import Ending
from search.errors import EndedEarly, RecordError, StorageError
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from trainables.data import Prepared


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return open_record(tmp_path / "studies", create=True)


@pytest.fixture
def study(record: Record, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr(run, "ray_for", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run, "restore_examples", lambda *_: None)
    monkeypatch.setattr(run, "_run_tune", lambda *_, **__: None)
    monkeypatch.setattr(run.delivery, "start", lambda *_: None)
    config = StudyConfig(name="s", task="tests.curve_task:TASK", dataset="ones", trials=2)
    return record.create(config, {"baselines": {}})


def _see_through(record: Record, study: Study) -> None:
    prepared = Prepared(folder=Path(), hash="")
    run.see_through(record, study, TASK, prepared, trials=2, quiet=True, await_delivery=False)


@pytest.mark.parametrize(
    "error", [OSError("the disk is full"), RecordError("is locked"), StorageError("is away")]
)
def test_what_fails_at_the_end_of_a_study_is_told(record, study, monkeypatch, error):
    def finish(*_: Any) -> None:
        raise error

    monkeypatch.setattr(run, "finish", finish)

    with pytest.raises(EndedEarly, match=str(error)) as told:
        _see_through(record, study)

    assert told.value.outcome == "failed"
    assert record.history(study).last_session.event == "finished"
    assert not record.driven("s")


def test_of_a_study_that_ended_early_the_first_reason_is_told(record, study, monkeypatch):
    def fails(
        record: Record, study: Study, task: Any, data: Any, ending: Ending, *_: Any, **__: Any
    ):
        ending.request("failed", "no room for a trial's files", grace_s=0)

    def finish(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(run, "_run_tune", fails)
    monkeypatch.setattr(run, "finish", finish)

    with pytest.raises(EndedEarly, match="no room for a trial's files"):
        _see_through(record, study)


def test_a_stop_in_the_moment_of_its_start_is_heard(record, study, monkeypatch):
    """From when `stop` knows that the study runs."""
    lock = record.driver_lock

    @contextlib.contextmanager
    def asked_at_once(name: str) -> Iterator[None]:
        with lock(name):
            record.requests.add(study, "stop")
            yield

    def polls(
        record: Record, study: Study, task: Any, data: Any, ending: Ending, *_: Any, **__: Any
    ):
        ending.poll()

    monkeypatch.setattr(record, "driver_lock", asked_at_once)
    monkeypatch.setattr(run, "_run_tune", polls)
    for sessions in (1, 2):
        with pytest.raises(EndedEarly, match="asked to stop") as told:
            _see_through(record, study)
        assert told.value.outcome == "stopped"
        assert record.sessions(study) == sessions
        assert record.history(study).last_session.event == "stopped"
