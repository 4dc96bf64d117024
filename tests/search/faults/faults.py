"""What the tests of faults share: a driver to disturb, and what it left on record."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from search.decisions.history import History, Trial
from search.record.record import Record
from search.tasks.registry import find_task
from tests.conftest import Place
from tests.waiting import wait_until

WHOLE = ("--no-baseline", "--scheduler", "none", "--quiet")  # every trial runs to its end


@contextlib.contextmanager
def driven(place: Place, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A driver; its first trial is on record."""
    with place.start(*arguments) as driver:
        try:
            name = _name(arguments)
            wait_until(lambda: history_of(place, name).trials, "no trial", process=driver)
            yield driver
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)


def _name(arguments: tuple[str, ...]) -> str:
    return arguments[1] if arguments[0] == "resume" else arguments[arguments.index("--name") + 1]


_records: dict[Path, Record] = {}


def history_of(place: Place, name: str) -> History:
    if "SEARCH_RECORD" not in place.env and not (place.folder / "studies/record.db").exists():
        return History()
    record = _records.setdefault(place.folder, place.record)
    study = next((study for study in record.studies() if study.name == name), None)
    return record.history(study) if study else History()


def curves_of(history: History) -> dict[int, list[tuple[int, float]]]:
    """Of each trial (epoch, score), as `curves_at`."""
    return {
        trial.number: [(epoch.epoch, epoch.metrics["score"]) for epoch in trial.epochs]
        for trial in history.trials
    }


def curves_at(store: str, study: str) -> dict[int, list[tuple[int, float]]]:
    """Of each trial (step, score), by an MLflow store; no run is there twice."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("curve")
    query = f"tags.study = '{study}'"
    runs = client.search_runs([experiment.experiment_id], query)
    trials = [run for run in runs if "trial" in run.data.tags]
    assert len({run.data.tags["trial"] for run in trials}) == len(trials)
    assert len(runs) == len(trials) + 1
    return {
        int(run.data.tags["trial"]): sorted(
            (metric.step, metric.value)
            for metric in client.get_metric_history(run.info.run_id, "score")
        )
        for run in trials
    }


def epochs_of(place: Place, name: str) -> int:
    return sum(trial.epoch for trial in history_of(place, name).trials)


def log_of(place: Place, name: str, trial: int | None = None) -> str:
    """What a trial, or (None) the delivery to MLflow, has printed."""
    file = "tracking" if trial is None else f"trial-{trial}"
    return (place.folder / "studies" / name / "logs" / f"{file}.log").read_text()


def assert_undisturbed(place: Place, name: str, number: int, epochs: int = 9) -> None:
    """The trial's curve is the one of its configuration and seed, trained here without a break."""
    trial: Trial = history_of(place, name).trials[number]
    task = find_task(place.record.study(name).config.task)
    config = task.config(**{**trial.suggestion.config, "epoch_s": 0.0})
    data = task.data.load(Path("."))
    alone = task.training_function()(config, data, seed=trial.suggestion.seed, max_epochs=9)
    expected = [dict(next(alone).metrics) for _ in range(epochs)]
    assert [dict(epoch.metrics) for epoch in trial.epochs] == expected


def fill(path: Path) -> None:
    """Take all room that is left on the path's disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
