"""Score a registered model on the test split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException

from search.errors import RegistryError, UserError
from search.models import test_split
from search.models.predict import OpenedModel
from search.record.record import Record
from search.reports.numbers import estimate_text, number_text
from search.statistics.intervals import example_interval
from search.statistics.pseudo_values import values_of
from search.tasks.task import Task

__all__ = ["describe", "evaluate"]


def evaluate(
    opened: OpenedModel, task: Task, record: Record, dataset: str | None, data_dir: Path | None
) -> dict[str, Any]:
    """The model's score on the test split, with the reading on the ledger first."""
    data = task.testable_data()
    dataset = dataset or opened.tags.get("dataset") or data.DATASETS[0]
    if dataset not in data.DATASETS:
        raise UserError(
            f"{task.name} has no data set {dataset!r}; there are: {', '.join(data.DATASETS)}"
        )
    try:
        served = opened.model.unwrap_python_model()
    except MlflowException:
        raise RegistryError(f"{opened.address} is no model of `promote`: it has no hash") from None
    study = opened.tags.get("study", opened.address)
    test = test_split.read(
        record,
        data,
        dataset,
        data_dir,
        model_hashes=[served.hash],
        study=study,
        purpose="predict --evaluate",
    )
    predictions = served.model.predict(test.inputs)
    readings = test_split.count(record, data, dataset, study)
    return {
        "model": opened.address,
        "dataset": dataset,
        "metric": task.metric,
        "test": {
            **example_interval(values_of(task, test.labels, [predictions])[0]).as_dict(),
            "n": len(test.labels),
        },
        "groups": {
            str(group): task.objective(
                test.labels[test.groups == group], predictions[test.groups == group]
            )
            for group in np.unique(test.groups)
        },
        "test_readings": readings.study,
        "test_readings_all": readings.all,
    }


def describe(scores: Mapping[str, Any]) -> str:
    """`evaluate` for a terminal."""
    test = scores["test"]
    lines = [
        f"{scores['model']} on the test split of {scores['dataset']}, as {scores['metric']}: "
        f"{estimate_text(test['mean'], test['low'], test['high'])} over {test['n']} examples",
        *[f"    {group}: {number_text(value)}" for group, value in scores["groups"].items()],
        str(test_split.Readings(study=scores["test_readings"], all=scores["test_readings_all"])),
    ]
    return "\n".join(lines)
