"""A study that is on record, and its delivery to a real MLflow store."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.decisions.history import Event
from search.record.record import Record, Study, open_record
from search.tasks.config import StudyConfig
from search.tracking.projection import Projection
from tests.curve_task import TASK


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all: to make its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


class Live:
    """A study on record, and a delivery that has followed it from its start."""

    def __init__(self, record: Record, study: Study) -> None:
        self.record, self.study = record, study
        self.projection = Projection(record, study, TASK)

    def deliver(self, *events: Event) -> None:
        if events:
            self.record.append(self.study, *events)
        self.projection.deliver()

    def runs(self) -> dict[int | None, Any]:
        """By trial; None: the parent."""
        client = self.projection._client
        found = client.search_runs(
            [client.get_experiment_by_name("curve").experiment_id],
            f"tags.study = '{self.study.name}'",
        )
        by_trial = {int(t) if (t := run.data.tags.get("trial")) else None: run for run in found}
        assert len(by_trial) == len(found), "a trial has two runs"
        return by_trial

    def status(self, trial: int) -> tuple[str, str]:
        run = self.runs()[trial]
        return run.info.status, run.data.tags["state"]

    def points(self, trial: int) -> list[tuple[int, float]]:
        history = self.projection._client.get_metric_history(
            self.runs()[trial].info.run_id, "score"
        )
        return [(metric.step, metric.value) for metric in history]


@pytest.fixture
def live(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Live]:
    """Driven while the test lasts."""
    record = open_record(tmp_path, create=True)
    name = re.sub(r"[^\w.-]", "-", request.node.name[:90])
    config = StudyConfig(name=name, task="tests.curve_task:TASK", dataset="ones", max_epochs=3,
                         trials=3, baseline=False, tracking_uri=uri)  # fmt: skip
    study = record.create(config, {"baselines": {"zero": 0.25}})
    with record.driver_lock(name):
        yield Live(record, study)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """How often each of the client's methods is called, of whatever client is made from now on."""
    from mlflow import MlflowClient

    counted: collections.Counter[str] = collections.Counter()

    class CountingClient(MlflowClient):
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if callable(found) and not name.startswith("_"):
                counted[name] += 1
            return found

    monkeypatch.setattr("mlflow.MlflowClient", CountingClient)
    return counted
