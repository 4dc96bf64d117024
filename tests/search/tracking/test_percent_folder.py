"""A project's folder whose name looks like an address."""

from __future__ import annotations

from mlflow import MlflowClient

from search.files.sqlite_uri import sqlite_uri
from search.record.study import Study
from search.tasks.config import StudyConfig
from search.tracking.runs import StudyRuns


def test_files_of_mlflow_lie_in_it(tmp_path, monkeypatch):
    """MLflow itself would take %20 for a space, and write into a folder beside it."""
    project = tmp_path / "100%20 #what"
    project.mkdir()
    monkeypatch.chdir(project)
    uri = sqlite_uri(project / "mlflow.db")
    client = MlflowClient(uri)
    config = StudyConfig(name="s", task="t", dataset="d", tracking_uri=uri)
    study = Study(id=1, name="s", created_at=1.0, config=config, origin={})

    runs = StudyRuns(client, study, "curve")
    runs.find()
    run = runs.create(None, "s", 1000, {})
    client.log_dict(run.id, {"seen": True}, "seen.json")

    assert len(list(project.glob("mlruns/curve/*/artifacts/seen.json"))) == 1
    assert client.list_artifacts(run.id)[0].path == "seen.json"
