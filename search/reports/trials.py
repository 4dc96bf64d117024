"""A study's trials as a table, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.decisions.history import Trial
from search.record.record import Record, Study
from search.reports.summary import complete_trials, trial_state
from search.tasks.config import Value
from search.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BestTrial", "best_trial", "describe_best", "trials_table"]


@dataclass(frozen=True, kw_only=True)
class BestTrial:
    """The best complete trial of a study."""

    number: int
    # The objective at its last epoch.
    value: float
    epoch: int
    config: Mapping[str, Value]


def best_trial(record: Record, study: Study, task: Task) -> BestTrial | None:
    """None while no trial is complete."""
    best = complete_trials(record.history(study), study, task).best()
    if best is None:
        return None
    return BestTrial(
        number=best.number,
        value=best.value(task.metric),
        epoch=best.epoch,
        config=dict(best.suggestion.config),
    )


def trials_table(record: Record, study: Study, task: Task) -> pd.DataFrame:
    """A row a trial, indexed by its number: state, value (the objective at its last epoch), epochs,
    cpu_s, seed, source, reason (of a failure), config.NAME, metric.NAME (at its last epoch)."""
    import pandas as pd

    history, driven = record.history(study), record.driven(study.name)
    rows = [
        _row(trial, trial_state(history, trial, study, driven), task.metric)
        for trial in history.trials
    ]
    index = pd.Index([trial.number for trial in history.trials], name="trial")
    return pd.DataFrame(rows, index=index)


def _row(trial: Trial, state: str, metric: str) -> dict[str, Any]:
    last = trial.epochs[-1].metrics if trial.epochs else {}
    return {
        "state": state,
        "value": last.get(metric),
        "epochs": trial.epoch,
        "cpu_s": sum(epoch.cpu_s for epoch in trial.epochs),
        "seed": trial.suggestion.seed,
        "source": trial.suggestion.source,
        "reason": trial.failures[-1].reason if trial.failed else None,
        **{f"config.{name}": value for name, value in trial.suggestion.config.items()},
        **{f"metric.{name}": value for name, value in last.items()},
    }


def describe_best(
    record: Record, study: Study, task: Task, *, count: int = 10, width: int | None = None
) -> str:
    """The best trials as a table, wrapped at `width` characters: complete ones first, then those
    that trained longest; of their configurations the hyperparameters in which they differ."""
    frame = trials_table(record, study, task)
    frame = frame[(frame.epochs > 0) & (frame.state != "failed")]
    frame = frame.assign(rank=-task.sign * frame.value)
    frame = frame.sort_values(["epochs", "rank"], ascending=[False, True], kind="stable")
    frame = frame.head(count).reset_index()
    drawn = [name for name in frame if name.startswith("config.")]
    differing = [name for name in drawn if frame[name].map(repr).nunique() > 1]
    shown = frame[["trial", "value", "epochs", "state", *differing]]
    shown = shown.rename(columns=lambda name: name.removeprefix("config."))
    shown["value"] = shown["value"].map("{:.4f}".format)
    shown = shown.rename(columns={"value": task.metric})
    if shown.empty:
        return ""
    text: str = shown.to_string(
        index=False, line_width=width, float_format=lambda x: f"{x:.4g}", na_rep=""
    )
    return text
