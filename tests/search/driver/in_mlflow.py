"""What MLflow knows of a study that commands have driven."""

from __future__ import annotations

from typing import Any

from tests.conftest import Place


def mlflow_client(place: Place) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{place.folder}/mlflow.db")


def runs_of(place: Place, study: str, experiment: str = "curve") -> tuple[Any, dict[int, Any]]:
    """A study's parent run, and its child runs by trial."""
    client = mlflow_client(place)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id], f"tags.study = '{study}'")
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    by_trial = {int(run.data.tags["trial"]): run for run in children}
    assert len(by_trial) == len(children)
    return parents[0], by_trial


def everything_of(place: Place, study: str) -> Any:
    """All that MLflow knows of a study, each point of each metric included."""
    client = mlflow_client(place)
    parent, children = runs_of(place, study)

    def points(run: Any, name: str) -> list[tuple[int, int, float]]:
        history = client.get_metric_history(run.info.run_id, name)
        return [(metric.step, metric.timestamp, metric.value) for metric in history]

    return [
        (
            dict(run.info),
            run.data.params,
            run.data.tags,
            {name: points(run, name) for name in run.data.metrics},
        )
        for run in (parent, *[children[n] for n in sorted(children)])
    ]
