"""A study's trials as a table, and the best of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.decisions.history import Trial
from search.files.text import one_line, writable
from search.record.record import Record, Study
from search.reports.numbers import number_text, number_texts
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
        **{writable(f"config.{name}"): v for name, v in trial.suggestion.config.items()},
        **{writable(f"metric.{name}"): v for name, v in last.items()},
    }


def describe_best(
    record: Record, study: Study, task: Task, *, count: int = 10, width: int | None = None
) -> str:
    """The best trials as a table, wrapped at `width` characters: complete ones first, then those
    that trained longest; of their configurations the hyperparameters in which they differ."""
    history, driven = record.history(study), record.driven(study.name)
    ranked = sorted(
        (trial for trial in history.trials if trial.epochs and not trial.failed),
        key=lambda trial: (-trial.epoch, -task.sign * trial.value(task.metric)),
    )[:count]
    configs = [trial.suggestion.config for trial in ranked]
    names = dict.fromkeys(name for config in configs for name in config)
    differing = [n for n in names if len({repr(config.get(n, "")) for config in configs}) > 1]
    columns = [
        ["trial", *(str(trial.number) for trial in ranked)],
        [one_line(task.metric), *number_texts([trial.value(task.metric) for trial in ranked])],
        ["epochs", *(str(trial.epoch) for trial in ranked)],
        ["state", *(trial_state(history, trial, study, driven) for trial in ranked)],
        *([one_line(n), *_column([c.get(n, "") for c in configs])] for n in differing),
    ]
    return "\n\n".join(_aligned(part) for part in _wrapped(columns, width)) if ranked else ""


def _column(values: list[Any]) -> list[str]:
    numbers = [value for value in values if isinstance(value, float)]
    return [
        number_text(value, *numbers) if isinstance(value, float) else one_line(str(value))
        for value in values
    ]


def _wrapped(columns: list[list[str]], width: int | None) -> Iterator[list[list[str]]]:
    """The columns in parts of at most `width` characters, each begun by the first column."""
    first, part, taken = columns[0], [columns[0]], max(map(len, columns[0]))
    for column in columns[1:]:
        wide = 1 + max(map(len, column))
        if width is not None and len(part) > 1 and taken + wide > width:
            yield part
            part, taken = [first], max(map(len, first))
        part, taken = [*part, column], taken + wide
    yield part


def _aligned(columns: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    return "\n".join(
        " ".join(text.rjust(wide) for text, wide in zip(line, widths, strict=True))
        for line in lines
    )
