"""A study that chaos has killed, held against the one that was left alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from search.files.paths import checkpoint_folder
from search.record.record import open_record
from search.reports.summary import best_trial
from search.tasks.registry import find_task
from trainables import checkpoint


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


def judge(folder: Path, name: str, broken: int) -> Verdict:
    """Compare the study with the one left alone; so many of its commands were broken."""
    expected, found = table(folder, "undisturbed"), table(folder, name)
    numbers = [row[0] for row in found["suggestions"]]
    epochs = [row[:2] for row in found["epochs"]]
    return Verdict(
        broken=broken,
        lost=len({row[0] for row in expected["suggestions"]} - set(numbers)),
        doubled=len(numbers) - len(set(numbers)) + len(epochs) - len(set(epochs)),
        differing=found != expected,
        weights_differ=not _same(best_weights(folder, name), best_weights(folder, "undisturbed")),
        mlflow=mlflow_state(folder, name),
    )


def table(folder: Path, name: str) -> dict[str, list[Any]]:
    """All of a study but times: suggestions, epochs with metrics and decisions, states."""
    record = open_record(folder / "studies")
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
        "states": [history.state(t, study.config.max_epochs) for t in history.trials],
    }


def best_weights(folder: Path, name: str) -> Any:
    record = open_record(folder / "studies")
    study = record.study(name)
    best = best_trial(record.history(study), study, find_task("sts"))
    assert best is not None
    loaded = checkpoint.load(checkpoint_folder(record.study_folder(name), best.number))
    assert loaded is not None
    return loaded[1]


def mlflow_state(folder: Path, name: str) -> str:
    """ "complete", or what is wrong."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sts")
    runs = client.search_runs([experiment.experiment_id], f"tags.study = '{name}'", max_results=500)
    trials = [run for run in runs if "trial" in run.data.tags]
    expected = table(folder, name)
    if len(runs) - len(trials) != 1 or len(trials) != len(expected["suggestions"]):
        return f"{len(runs) - len(trials)} parent runs, {len(trials)} trials"
    if any(run.info.status == "RUNNING" for run in runs):
        return "runs left running"
    for run in trials:
        number = int(run.data.tags["trial"])
        values = [row[2]["dev_pearson"] for row in expected["epochs"] if row[0] == number]
        told = client.get_metric_history(run.info.run_id, "dev_pearson")
        if [metric.value for metric in sorted(told, key=lambda m: m.step)] != values:
            return f"trial {number} has another curve"
    return "complete"


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(v, second[k]) for k, v in first.items())
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)
