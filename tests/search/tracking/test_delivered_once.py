"""What MLflow holds is not delivered again, whoever delivers; what has gone from it is."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from search.decisions.history import Event
from search.errors import TrackingError
from search.record.record import Study
from search.tracking.projection import Projection
from tests.conftest import empty_mlflow
from tests.curve_task import TASK
from tests.search.studies import epoch, scored, segment, session, suggestion
from tests.search.tracking.conftest import Live

_LOOKS = {"get_experiment_by_name", "search_experiments", "search_runs"}


def _deliver_anew(live: Live, study: Study | None = None) -> Projection:
    """As another process does."""
    projection = Projection(live.record, study or live.study, TASK)
    projection.deliver()
    return projection


def _finished(live: Live, trials: int) -> None:
    """A study that has ended with so many trials, all in MLflow."""
    live.record.append(live.study, *scored(*[{1: 0.1}, {3: 0.2}] * (trials // 2)))
    _end(live, trials)
    live.deliver()


def _end(live: Live, trials: int) -> None:
    live.record.append(live.study, session("finished", trials))
    live.record.driven = lambda name: False  # type: ignore[method-assign]


def _goes_on(live: Live, trials: int, new: int) -> list[Event]:
    """It is extended by `new` trials that train in full."""
    events: list[Event] = [session("started", trials + new)]
    for number in range(trials, trials + new):
        events += [suggestion(number), segment(number, 1, 3)]
        events += [epoch(number, at, 0.3) for at in (1, 2)] + [epoch(number, 3, 0.3, "complete")]
    return events


@pytest.mark.parametrize("trials", [4, 12])
def test_a_resumed_study_costs_what_its_new_trials_cost(
    live: Live, calls: Counter[str], trials: int
) -> None:
    _finished(live, trials)
    calls.clear()
    live.record.append(live.study, *_goes_on(live, trials, 2))
    del live.record.driven  # type: ignore[attr-defined]
    while_it_runs = _deliver_anew(live)
    _end(live, trials + 2)

    while_it_runs.deliver()

    looks = sum(calls.pop(name, 0) for name in _LOOKS)
    assert looks == 2
    # Of each new trial its run, all its epochs, its end; of the study that it runs, and its end.
    assert calls == {"create_run": 2, "log_batch": 2 + 2, "set_terminated": 2 + 1, "update_run": 1}


def test_where_all_is_delivered_nothing_is_written(live: Live, calls: Counter[str]) -> None:
    _finished(live, 4)
    calls.clear()

    _deliver_anew(live)

    assert set(calls) <= _LOOKS


def test_another_store_is_given_everything(live: Live, tmp_path: Path) -> None:
    _finished(live, 4)
    (tmp_path / "other.db").write_bytes(empty_mlflow())
    there = live.study.with_tracking_uri(f"sqlite:///{tmp_path}/other.db")

    found = _deliver_anew(live, there)

    assert set(Projection(live.record, there, TASK)._found.runs) == {None, 0, 1, 2, 3}
    points = found._client.get_metric_history(found.run(3).id, "score")
    assert [(point.step, point.value) for point in points] == [(1, 0.2), (2, 0.2), (3, 0.2)]


def test_metrics_and_parents_that_have_gone_are_given_again(live: Live, uri: str) -> None:
    _finished(live, 4)
    runs = live.runs()
    ids = [run.info.run_id for run in runs.values()]
    with contextlib.closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        for table in ("metrics", "latest_metrics"):
            database.executemany(f"DELETE FROM {table} WHERE run_uuid = ?", [(i,) for i in ids])
        gone = "DELETE FROM tags WHERE run_uuid = ? AND key = 'mlflow.parentRunId'"
        database.executemany(gone, [(i,) for i in ids])

    _deliver_anew(live)

    again = live.runs()
    assert {t: r.info.run_id for t, r in again.items()} == {
        t: r.info.run_id for t, r in runs.items()
    }
    assert live.points(1) == [(1, 0.2), (2, 0.2), (3, 0.2)]
    assert again[None].data.metrics["trials_total"] == 4
    assert again[1].data.tags["mlflow.parentRunId"] == again[None].info.run_id


def test_what_was_broken_off_after_the_metrics_is_ended(live: Live) -> None:
    live.record.append(live.study, *scored({1: 0.5}))
    client = live.projection._client
    client.set_terminated = lambda *_: (_ for _ in ()).throw(ConnectionError("reset"))
    with pytest.raises(ConnectionError):
        live.projection.deliver()
    assert live.status(0) == ("RUNNING", "paused")

    _deliver_anew(live)

    assert live.status(0) == ("FINISHED", "paused")


@pytest.fixture
def experiment(live: Live) -> Any:
    """One that no other test has, and its study."""
    name = f"curve-{live.study.name}"
    task = dataclasses.replace(TASK, name=name)
    live.projection = Projection(live.record, live.study, task)
    live.deliver(*scored({1: 0.5}, {1: 0.25}))
    return live.projection


def test_an_experiment_of_another_name_keeps_its_studies(live: Live, experiment: Any) -> None:
    client, task = experiment._client, experiment._task
    client.rename_experiment(experiment.run().experiment, f"{task.name}, spring")

    again = Projection(live.record, live.study, task)
    again.deliver()

    assert again.run(1).id == experiment.run(1).id
    assert client.get_experiment_by_name(task.name) is None
    # A study that begins now is in an experiment of the task's name.
    new = dataclasses.replace(live.study, created_at=live.study.created_at + 1)
    assert Projection(live.record, new, task).run().experiment != experiment.run().experiment


def test_of_a_deleted_experiment_is_told_how_to_bring_it_back(
    live: Live, experiment: Any, uri: str
) -> None:
    client, task, number = experiment._client, experiment._task, experiment.run().experiment
    client.delete_experiment(number)
    with pytest.raises(MlflowException):  # the process that delivers finds out
        live.deliver(segment(0, 2, 3), epoch(0, 2, 0.75))

    for again in (experiment.find_runs, lambda: Projection(live.record, live.study, task)):
        with pytest.raises(TrackingError) as told:
            again()
        assert str(told.value) == (
            f"experiment {task.name} was deleted in MLflow: bring it back by "
            f"`MLFLOW_TRACKING_URI={uri} mlflow experiments restore --experiment-id {number}`, "
            "or choose another --tracking-uri"
        )

    client.restore_experiment(number)
    experiment.find_runs()
    experiment.deliver()
    points = client.get_metric_history(experiment.run(0).id, "score")
    assert [point.value for point in points] == [0.5, 0.75]


def test_a_run_that_is_deleted_meanwhile_is_made_anew(live: Live) -> None:
    live.deliver(*scored({1: 0.5}))
    before, refused = live.projection.run(0).id, []
    live.projection._on_refusal = refused.append
    live.projection._client.delete_run(before)
    with pytest.raises(MlflowException):
        live.deliver(segment(0, 2, 3), epoch(0, 2, 0.6))
    assert refused == []

    live.projection.find_runs()
    live.projection.deliver()

    assert live.projection.run(0).id != before
    assert live.points(0) == [(1, 0.5), (2, 0.6)]


def test_runs_whose_parent_was_deleted_are_children_of_the_new_one(live: Live) -> None:
    live.deliver(*scored({1: 0.5}, {1: 0.25}))
    live.projection._client.delete_run(live.projection.run().id)

    _deliver_anew(live)

    runs = live.runs()
    parents = {runs[trial].data.tags["mlflow.parentRunId"] for trial in (0, 1)}
    assert parents == {runs[None].info.run_id}


def test_a_setting_that_may_change_is_no_parameter(live: Live) -> None:
    live.deliver(*scored({1: 0.5}))
    changed = dataclasses.replace(live.study.config, trial_timeout_s=77.0)

    _deliver_anew(live, dataclasses.replace(live.study, config=changed))

    assert live.runs()[None].data.tags["trial_timeout_s"] == "77.0"


def test_more_than_a_call_may_hold(live: Live) -> None:
    """MLflow takes 100 parameters a call, and 1000 of all kinds."""
    many = {f"h{i}": i for i in range(230)}
    metrics = {f"m{i}": float(i) for i in range(999)}
    wide = dataclasses.replace(epoch(0, 1, 0.5, "pause"), metrics={"score": 0.5, **metrics})

    live.deliver(session("started", 1), suggestion(0, **many), segment(0, 1, 1), wide)

    run = live.runs()[0]
    assert run.data.params == {name: str(value) for name, value in many.items()}
    assert {**metrics, "score": 0.5}.items() <= run.data.metrics.items()


def test_two_thousand_runs_are_looked_up_in_pages(live: Live) -> None:
    """As a store answers that gives three at a time."""
    from mlflow.store.entities import PagedList

    live.deliver(*scored(*[{1: 0.1}] * 7))
    client, pages = live.projection._client, itertools.count()
    search = client.search_runs

    def by_threes(*given: Any, max_results: int, **options: Any) -> PagedList[Any]:
        assert max_results == 1000
        next(pages)
        return search(*given, max_results=3, **options)  # type: ignore[no-any-return]

    client.search_runs = by_threes
    live.projection.find_runs()

    assert set(live.projection._found.runs) == {None, *range(7)}
    assert next(pages) >= 3
