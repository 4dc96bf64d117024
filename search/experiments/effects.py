"""What each change between two configurations is worth, from the runs of an ablation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.decisions.history import History, Trial
from search.experiments.ablation import Change
from search.files.paths import labels_file, load_predictions
from search.record.record import Record, Study
from search.reports.ablation import WINNER, Ablation, Effect
from search.statistics.intervals import Estimate, difference
from search.statistics.multiple import holm
from search.statistics.pseudo_values import values_of
from search.tasks.task import Task

__all__ = ["effects_table"]

SURE = 0.05


def effects_table(
    record: Record, study: Study, task: Task, winner: int, base: str, found: list[Change]
) -> Ablation:
    """`study`: the ablation's. `winner`: the trial's number in its own study."""
    history, config = record.history(study), study.config
    runs = _complete_runs(history, config.max_epochs)
    files = record.files(study)
    labels = load_predictions(labels_file(files.folder))
    values = {
        name: values_of(task, labels, [files.predictions(trial.number) for trial in trials])
        for name, trials in runs.items()
    }

    def minus(first: str, second: str) -> Estimate | None:
        """Better is above zero. The runs of two points share no seed."""
        if first not in values or second not in values:
            return None
        signed = (task.sign * values[first], task.sign * values[second])
        return difference(*signed, same_seeds=False)

    pairs = [
        (
            minus(WINNER, f"{WINNER} - {change.hyperparameter}"),
            minus(f"{base} + {change.hyperparameter}", base),
        )
        for change in found
    ]
    sure = _sure([estimate for pair in pairs for estimate in pair])
    effects = [
        Effect(
            hyperparameter=change.hyperparameter,
            winner=change.winner,
            base=change.base,
            in_winner=in_winner,
            in_base=in_base,
            sure_in_winner=sure[2 * number],
            sure_in_base=sure[2 * number + 1],
            with_in_winner=change.minus_with,
            with_in_base=change.plus_with,
        )
        for number, (change, (in_winner, in_base)) in enumerate(zip(found, pairs, strict=True))
    ]
    effects.sort(key=lambda each: -np.inf if each.in_winner is None else -each.in_winner.mean)
    return Ablation(
        study=study.name,
        metric=task.metric,
        seeds=config.point_seeds,
        trial=winner,
        base=base,
        scores={name: [t.value(task.metric) for t in trials] for name, trials in runs.items()},
        whole=minus(WINNER, base),
        effects=effects,
    )


def _complete_runs(history: History, max_epochs: int) -> dict[str, list[Trial]]:
    runs: dict[str, list[Trial]] = {}
    for trial in history.trials:
        if trial.complete(max_epochs):
            runs.setdefault(trial.suggestion.source, []).append(trial)
    return runs


def _sure(estimates: Sequence[Estimate | None]) -> list[bool]:
    """Of each whether it is beyond the noise, all of them considered at once."""
    known = [e.p_value for e in estimates if e is not None and e.p_value is not None]
    adjusted = iter(holm(known))
    return [e is not None and e.p_value is not None and next(adjusted) <= SURE for e in estimates]
