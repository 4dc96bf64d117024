"""A study that chaos has killed, held against the one that was left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from search.decisions.history import History, Trial
from search.record.record import Record
from search.reports.summary import best_trial
from search.tasks.registry import find_task


@dataclass(frozen=True)
class Verdict:
    """What a study that was killed and resumed came to."""

    broken: int  # commands that hung, or failed where they must go on
    lost: int
    doubled: int
    differing: bool
    weights_differ: bool
    mlflow: str

    @property
    def good(self) -> bool:
        wrong = self.broken or self.lost or self.doubled or self.differing or self.weights_differ
        return not wrong and self.mlflow == "complete"


def judge(record: Record, mlflow: str, name: str, alone: str, broken: int) -> Verdict:
    """Compare the study with the one left alone; so many of its commands were broken. `mlflow`: the
    store's address."""
    expected, found = table(record, alone), table(record, name)
    numbers = [row[0] for row in found["suggestions"]]
    epochs = [row[:2] for row in found["epochs"]]
    return Verdict(
        broken=broken,
        lost=len({row[0] for row in expected["suggestions"]} - set(numbers)),
        doubled=len(numbers) - len(set(numbers)) + len(epochs) - len(set(epochs)),
        differing=found != expected,
        weights_differ=not _same(best_weights(record, name), best_weights(record, alone)),
        mlflow=mlflow_state(record, mlflow, name),
    )


def table(record: Record, name: str) -> dict[str, list[Any]]:
    """All of a study but times: suggestions, epochs with metrics and decisions, states."""
    study = record.study(name)
    history = record.history(study)
    return {
        "suggestions": [
            (t.number, dict(t.suggestion.config), t.suggestion.seed, t.suggestion.source)
            for t in history.trials
        ],
        "epochs": [
            (t.number, e.epoch, dict(e.metrics), e.decision)
            for t in history.trials
            for e in t.epochs
        ],
        "states": [_state(history, t, study.config.max_epochs) for t in history.trials],
    }


def _state(history: History, trial: Trial, max_epochs: int) -> str:
    """With the reason of a failure; what Ray says of a death differs from one to the next."""
    state = history.state(trial, max_epochs)
    if state != "failed":
        return state
    reason = trial.failures[-1].reason
    return f"failed: {'a death' if 'process' in reason else reason}"


def best_weights(record: Record, name: str) -> Any:
    study = record.study(name)
    best = best_trial(record.history(study), study, find_task(study.config.task))
    assert best is not None
    loaded = record.files(study).load_checkpoint(best.number, best.epoch)
    assert loaded is not None
    return loaded[1]


def mlflow_state(record: Record, mlflow: str, name: str) -> str:
    """ "complete", or what is wrong."""
    from mlflow import MlflowClient

    task = find_task(record.study(name).config.task)
    client = MlflowClient(tracking_uri=mlflow)
    experiment = client.get_experiment_by_name(task.name)
    runs = client.search_runs([experiment.experiment_id], f"tags.study = '{name}'", max_results=500)
    trials = [run for run in runs if "trial" in run.data.tags]
    expected = table(record, name)
    if len(runs) - len(trials) != 1 or len(trials) != len(expected["suggestions"]):
        return f"{len(runs) - len(trials)} parent runs, {len(trials)} trials"
    if any(run.info.status == "RUNNING" for run in runs):
        return "runs left running"
    for run in trials:
        number = int(run.data.tags["trial"])
        values = [row[2][task.metric] for row in expected["epochs"] if row[0] == number]
        told = client.get_metric_history(run.info.run_id, task.metric)
        # Of a trial that failed before its first epoch MLflow is told NaN, at step 0.
        told = [metric for metric in told if metric.step > 0]
        if [metric.value for metric in sorted(told, key=lambda m: m.step)] != values:
            return f"trial {number} has another curve"
    return "complete"


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(v, second[k]) for k, v in first.items())
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)
