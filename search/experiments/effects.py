"""What each change between two configurations is worth, from the runs of an ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.decisions.history import History, Trial
from search.experiments.ablation import Change
from search.files.paths import labels_file, load_predictions
from search.record.record import Record, Study
from search.reports.numbers import estimate_text, number_text
from search.statistics.intervals import Estimate, difference
from search.statistics.multiple import holm
from search.statistics.pseudo_values import values_of
from search.tasks.task import Task

__all__ = ["WINNER", "Ablation", "Effect", "describe", "effects_table"]

WINNER = "winner"
SURE = 0.05


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the winner's value of one hyperparameter is worth, better being above zero."""

    change: Change
    # The winner minus itself with the base's value; the base with the winner's value minus itself.
    in_winner: Estimate | None
    in_base: Estimate | None
    # Whether each is beyond the noise, all of them considered at once (Holm).
    sure_in_winner: bool
    sure_in_base: bool


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The table, the most valuable change first."""

    study: str  # that trained it
    metric: str
    seeds: int
    trial: int  # the winner
    base: str
    scores: Mapping[str, Sequence[float]]  # of each point, one a seed; failed ones are not there
    whole: Estimate | None  # the winner minus the base
    effects: Sequence[Effect]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""

        def shown(estimate: Estimate | None, sure: bool) -> dict[str, Any] | None:
            return None if estimate is None else {**estimate.as_dict(), "beyond_noise": sure}

        return {
            "study": self.study,
            "metric": self.metric,
            "seeds": self.seeds,
            "winner": self.trial,
            "base": self.base,
            "scores": {name: list(scores) for name, scores in self.scores.items()},
            "winner_minus_base": None if self.whole is None else self.whole.as_dict(),
            "effects": [
                {
                    "hyperparameter": each.change.hyperparameter,
                    "winner": each.change.winner,
                    "base": each.change.base,
                    "in_winner": shown(each.in_winner, each.sure_in_winner),
                    "in_base": shown(each.in_base, each.sure_in_base),
                    "with_in_winner": dict(each.change.minus_with),
                    "with_in_base": dict(each.change.plus_with),
                }
                for each in self.effects
            ],
        }


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
            change=change,
            in_winner=in_winner,
            in_base=in_base,
            sure_in_winner=sure[2 * number],
            sure_in_base=sure[2 * number + 1],
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


def describe(ablation: Ablation) -> str:
    """The table for a terminal."""
    scores = ablation.scores
    lines = [
        f"{name}: {ablation.metric} {number_text(float(np.mean(scores[name])))} "
        f"(mean of {len(scores[name])} seeds)"
        for name in (WINNER, ablation.base)
        if name in scores
    ]
    lines[0] += f", trial {ablation.trial} of its study"
    if ablation.whole is not None:
        lines.append(f"difference: {_text(ablation.whole)}")
    lines += [
        "",
        "what each change is worth, better being above zero (95%, "
        f"{ablation.seeds} seeds; * beyond the noise, all {2 * len(ablation.effects)} at once):",
    ]
    for effect in ablation.effects:
        change = effect.change
        lines.append(f"{change.hyperparameter}: {change.base} -> {change.winner}")
        for where, estimate, sure, others in (
            ("in the winner", effect.in_winner, effect.sure_in_winner, change.minus_with),
            (f"in {ablation.base}", effect.in_base, effect.sure_in_base, change.plus_with),
        ):
            told = "a run has failed" if estimate is None else _text(estimate)
            mark = " *" if sure else ""
            along = ", ".join(f"{name} = {value}" for name, value in others.items())
            lines.append(f"    {where}: {told}{mark}" + (f"  (with {along})" if along else ""))
    return "\n".join(lines)


def _text(estimate: Estimate) -> str:
    return estimate_text(estimate.mean, estimate.low, estimate.high, signed=True)
