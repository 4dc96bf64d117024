"""MLflow is a projection of the record: the same whenever, and however often, it is made."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from search.record.record import Study
from search.tracking.projection import Projection
from tests.curve_task import TASK
from tests.search.studies import epoch, failure, scored, segment, session, suggestion


def test_a_running_trial_is_running_and_its_epochs_are_there(live):
    live.deliver(session("started", 3), suggestion(0, x=0.5), segment(0, 1, 3), epoch(0, 1, 0.5))

    assert live.status(0) == ("RUNNING", "running")
    assert live.runs()[None].info.status == "RUNNING"
    assert live.runs()[0].data.params == {"x": "0.5"}
    assert live.points(0) == [(1, 0.5)]


def test_live_or_later_or_twice_gives_the_same(live):
    for event in [*scored({1: 0.5}, {3: 0.7}, {1: 0.25}), session("finished", 3)]:
        live.deliver(event)
    points = {trial: live.points(trial) for trial in range(3)}
    assert points == {0: [(1, 0.5)], 1: [(1, 0.7), (2, 0.7), (3, 0.7)], 2: [(1, 0.25)]}

    Projection(live.record, live.study, TASK).deliver()
    Projection(live.record, live.study, TASK).deliver()

    assert {trial: live.points(trial) for trial in range(3)} == points
    assert len(live.runs()) == 4


def test_a_trial_paused_advanced_and_complete(live):
    live.deliver(*scored({1: 0.5}))
    assert live.status(0) == ("FINISHED", "paused")

    live.deliver(segment(0, 2, 3), epoch(0, 2, 0.6))
    assert live.status(0) == ("RUNNING", "running")

    live.deliver(epoch(0, 3, 0.7, "complete"))
    assert live.status(0) == ("FINISHED", "complete")
    assert live.runs()[0].data.tags["rung"] == "3"


def test_a_paused_trial_that_fails_between_two_deliveries_has_failed(live):
    live.deliver(*scored({1: 0.5}))
    live.deliver(segment(0, 2, 3), failure(0, 2))

    assert live.status(0) == ("FAILED", "failed")


def test_a_paused_trial_that_completes_between_two_deliveries_ends_with_its_last_epoch(live):
    live.deliver(*scored({1: 0.5}))
    live.deliver(segment(0, 2, 3), epoch(0, 2, 0.6), epoch(0, 3, 0.7, "complete"))

    ended = live.record.history(live.study).trials[0].ended_at
    assert live.runs()[0].info.end_time == round(ended * 1000)


def test_a_failed_trial_says_why(live):
    live.deliver(session("started", 3), suggestion(0), segment(0, 1, 3), failure(0, 1))

    assert live.status(0) == ("FAILED", "failed")
    assert live.runs()[0].data.tags["reason"] == "RuntimeError: asked to fail"


def test_a_trial_that_ends_no_epoch_has_the_objective_as_no_number(live):
    """MLflow's page compares runs by the metrics that all of them have."""
    live.deliver(*scored({1: 0.2}), suggestion(1), segment(1, 1, 1), failure(1, 1))
    [(step, value)] = live.points(1)
    assert (step, math.isnan(value)) == (0, True)
    best, *_ = live.projection._client.search_runs(
        [live.projection.run().experiment],
        f"tags.study = '{live.study.name}' and tags.trial != ''",
        order_by=["metrics.score DESC"],
    )
    assert best.data.tags["trial"] == "0"


def test_times_are_those_of_the_record(live):
    live.deliver(*scored({3: 0.5}))
    trial = live.record.history(live.study).trials[0]

    run = live.runs()[0]

    assert run.info.start_time == round(trial.started_at * 1000)
    assert run.info.end_time == round(trial.ended_at * 1000)


def test_the_parent_tells_the_study_and_its_end(live):
    live.deliver(*scored({3: 0.5}, {3: 0.75}, {1: 0.25}))
    assert live.runs()[None].data.tags["state"] == "running"
    assert live.runs()[None].data.metrics["best_score"] == 0.75
    live.record.append(live.study, session("finished", 3))
    live.record.driven = lambda name: False  # the driver is gone

    live.deliver()

    parent = live.runs()[None]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["state"] == "finished"
    assert parent.data.metrics["trials_total"] == 3
    assert parent.data.metrics["trials_pruned"] == 1
    assert parent.data.metrics["baseline_zero"] == 0.25
    assert "best: trial 1, score 0.7500" in parent.data.tags["mlflow.note.content"]
    assert {run.info.status for run in live.runs().values()} == {"FINISHED"}


def test_a_study_deleted_and_made_anew_under_its_name_is_another(live):
    live.deliver(*scored({1: 0.5}))
    assert len(live.runs()) == 2
    again = Study(**{**vars(live.study), "created_at": live.study.created_at + 1})

    Projection(live.record, again, TASK).deliver()

    created = [
        run.data.tags["study_created"]
        for run in live.projection._client.search_runs(
            [live.projection.run().experiment], f"tags.study = '{live.study.name}'"
        )
    ]
    assert len(created) == 4
    assert len(set(created)) == 2


def test_a_study_that_has_moved_is_the_same_run(live):
    live.deliver(*scored({1: 0.5}))
    moved = dataclasses.replace(live.study.config, workers=7, storage="/shared", data_dir="/data")

    there = Projection(live.record, dataclasses.replace(live.study, config=moved), TASK)
    there.deliver()

    parent = live.runs()[None].data
    assert (parent.tags["workers"], parent.tags["storage"]) == ("7", "/shared")
    assert "workers" not in parent.params
    assert parent.params["max_epochs"] == "3"


def test_runs_that_a_user_has_deleted_are_made_anew(live):
    live.deliver(*scored({1: 0.5}, {1: 0.25}))
    deleted = {trial: live.runs()[trial].info.run_id for trial in (None, 1)}
    for run_id in deleted.values():
        live.projection._client.delete_run(run_id)

    Projection(live.record, live.study, TASK).deliver()

    runs = live.runs()
    assert set(runs) == {None, 0, 1}
    assert all(runs[trial].info.run_id != run_id for trial, run_id in deleted.items())
    assert live.points(1) == [(1, 0.25)]


def test_of_a_run_that_a_slow_server_made_twice_one_stays(live):
    """It was made, and its answer came too late: so it was made again."""
    live.deliver(*scored({1: 0.5}))
    before = live.runs()
    again = Projection(live.record, live.study, TASK)
    again._found.create(0, "s-0", 1, {})
    again._found.create(None, "s", 1, {})

    Projection(live.record, live.study, TASK).deliver()

    assert {t: r.info.run_id for t, r in live.runs().items()} == {
        t: r.info.run_id for t, r in before.items()
    }


def test_after_an_error_it_goes_on_where_it_was(live, monkeypatch):
    """Not from the first trial on: a server that errs now and then would never have all."""
    client, sent = live.projection._client, []
    batch = client.log_batch
    live.deliver(*scored({1: 0.5}, {1: 0.6}, {1: 0.7}))

    def errs_once(run_id: str, *given: Any) -> None:
        sent.append(run_id)
        if len(sent) == 2:
            raise ConnectionError("reset by peer")
        batch(run_id, *given)

    monkeypatch.setattr(client, "log_batch", errs_once)
    live.record.append(live.study, session("finished", 3))
    with pytest.raises(ConnectionError):
        live.projection.deliver()
    live.projection.find_runs()
    live.projection.deliver()

    runs = live.runs()
    assert sent == [runs[trial].info.run_id for trial in (0, 1, 1, 2)]
    assert [live.status(trial) for trial in range(3)] == [("FINISHED", "pruned")] * 3


def test_metrics_of_any_name_keep_their_values_beside_ours(live):
    names = ["epoch_cpu_s", "acc%", "acc", "acc ", "a//b", "a/b", "..", "", "é", "x" * 300, "epoch"]
    values = {name: float(number) for number, name in enumerate(names)}
    last = dataclasses.replace(epoch(0, 1, 0.5), metrics={"score": 0.5, **values})
    drawn = dataclasses.replace(suggestion(0), config={"whole": 2**70, "zero": -0.0, "t%": "a\nb"})

    live.deliver(session("started", 1), drawn, segment(0, 1, 1), last)
    live.deliver()

    data = live.runs()[0].data
    ours = {"score", "epoch_cpu_s", "system/cpu_utilization_percentage"}
    assert sorted(v for k, v in data.metrics.items() if k not in ours) == [
        float(number) for number in range(len(names))
    ]
    assert data.metrics["epoch_cpu_s"] == last.cpu_s
    assert data.metrics["epoch"] == values["epoch"]
    params = {name.partition("-")[0]: text for name, text in data.params.items()}
    assert params == {"whole": str(2**70), "zero": "-0.0", "t_": "a\nb"}


def test_a_parameter_that_mlflow_refuses_costs_itself_only(live):
    told: list[str] = []
    live.projection._on_refusal = told.append
    live.deliver(session("started", 1), suggestion(0, x=0.5), segment(0, 1, 2), epoch(0, 1, 0.5))
    # As where somebody has renamed what a run is known by.
    live.projection._found.runs[0].params = frozenset()
    live.record.append(live.study, epoch(0, 2, 0.6))
    live.projection._client.log_param(live.runs()[0].info.run_id, "y", "1")
    changed = dataclasses.replace(suggestion(0), config={"x": 0.7, "y": 2})
    live.projection._history.trials[0].suggestion = changed
    live.deliver()

    assert live.points(0) == [(1, 0.5), (2, 0.6)]
    assert live.runs()[0].data.params == {"x": "0.5", "y": "1"}
    assert [line.partition(":")[0] for line in told] == ["MLflow refuses x", "MLflow refuses y"]
