"""One thing that MLflow refuses does not cost the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from search.tracking.batches import log_batch


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    folder: Path = tmp_path_factory.mktemp("mlflow")
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def _run(client: MlflowClient) -> str:
    return client.create_run("0").info.run_id


def test_what_is_refused_is_told_and_the_rest_is_there(client):
    run_id, told = _run(client), {}
    client.log_param(run_id, "kept", "1")
    metrics = [Metric(name, 0.5, 0, 1) for name in ("a", "b%", "c", "../d", "e")]
    params = [Param("x", "1"), Param("kept", "2"), Param("y?", "3")]

    log_batch(
        client, run_id, metrics, params, [RunTag("state", "complete")], on_refusal=told.__setitem__
    )

    data = client.get_run(run_id).data
    assert set(data.metrics) == {"a", "c", "e"}
    assert data.params == {"kept": "1", "x": "1"}
    assert data.tags["state"] == "complete"
    assert set(told) == {"b%", "../d", "kept", "y?"}
    assert all("\n" not in why for why in told.values())


def test_what_is_no_refusal_is_raised(client):
    with pytest.raises(MlflowException, match="not found"):
        log_batch(client, "f" * 32, [Metric("a", 0.5, 0, 1)], [], [], on_refusal=lambda *_: None)
