"""What the study's trials have drawn: each hyperparameter's values and the range they came from.

As the sampler mirrors them to Optuna (search/decisions/sampler.py), so that a name that is drawn in
one branch only, or from several kinds of range, is treated here as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from search.decisions.history import Trial
from search.decisions.kinds import Kinds
from search.decisions.sampler import mirror
from search.reports.page.chart import label
from search.reports.page.facts import Facts
from search.reports.recorded_task import RecordedTask
from search.tasks.config import Value

__all__ = ["Axis", "Drawn", "Scale", "drawn", "mirrored", "rung_value"]

# With fewer different numbers, and no space to ask, a hyperparameter is taken for a choice.
FEW = 6
# How far beyond the lowest value those lie that have none, as a share of the axis.
APART = 0.14
Scale = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A hyperparameter as positions on an axis, with its ticks: logarithms, places of choices."""

    position: Mapping[int, float]  # by trial
    ticks: Sequence[float]
    texts: Sequence[str]
    scale: Scale


@dataclass(frozen=True)
class Drawn:
    """One hyperparameter, as Optuna knows it."""

    name: str
    distribution: BaseDistribution
    values: Mapping[int, Value]  # by trial: those that have drawn it
    known: bool  # whether the range is the space's, or only what was seen

    @property
    def is_choice(self) -> bool:
        return isinstance(self.distribution, CategoricalDistribution)

    @property
    def log(self) -> bool:
        return bool(getattr(self.distribution, "log", False))

    @property
    def ends(self) -> tuple[float, float]:
        """Of a number's range."""
        range_: Any = self.distribution
        return float(range_.low), float(range_.high)

    @cached_property
    def choices(self) -> list[Value]:
        range_: Any = self.distribution
        return list(range_.choices)

    def place(self, value: Value) -> float:
        """Where a value lies: of a choice its place, of a number itself or its logarithm."""
        if self.is_choice:
            return float(self.choices.index(value))
        number = float(value)  # type: ignore[arg-type]
        return math.log10(number) if self.log else number

    def share(self, value: Value) -> float:
        """Of a number, how far from the low end of its range: 0 to 1."""
        low, high = map(self.place, self.ends)
        return (self.place(value) - low) / (high - low) if high > low else 0.5

    def axis(self, trials: Sequence[int]) -> Axis:
        """`trials`: those that are shown; one that has not drawn it lies below all others."""
        places = {n: self.place(value) for n, value in self.values.items()}
        if self.is_choice:
            ticks = [float(i) for i in range(len(self.choices))]
            texts = [label(choice, 16) for choice in self.choices]
        else:
            ticks, texts = self._ticks()
        low, high = min(ticks), max(ticks)
        missing = [n for n in trials if n not in places]
        if missing:
            low -= max(APART * (high - low), 0.2)
            ticks, texts = [low, *ticks], ["not used", *texts]
            places.update(dict.fromkeys(missing, low))
        return Axis({n: places[n] for n in trials}, ticks, texts, (low, high))

    def _ticks(self) -> tuple[list[float], list[str]]:
        """Four even steps from end to end."""
        low, high = map(self.place, self.ends)
        places = [low + (high - low) * i / 4 for i in range(5)] if high > low else [low]
        numbers = [10**place if self.log else place for place in places]
        return places, [f"{number:.3g}" for number in numbers]


def rung_value(facts: Facts, trial: Trial) -> float:
    """The objective at the lowest rung, larger is better: every trial has trained so far, so that
    all are compared at equal fidelity."""
    return facts.task.sign * facts.value(trial, facts.ladder[0])


def mirrored(facts: Facts) -> list[FrozenTrial]:
    """The trials with a value at the lowest rung as Optuna is shown them, larger is better; failed
    ones with the worst. Of a task that is not here the ranges are those of what was seen."""
    trials = [t for t in facts.history.trials if t.failed or t.epoch >= facts.ladder[0]]
    if not any(not t.failed for t in trials):
        return []
    if isinstance(facts.task, RecordedTask):
        return _guessed(facts, trials)
    found = mirror(
        trials,
        space=facts.task.space,
        fixed=facts.study.config.fixed,
        value=lambda trial: rung_value(facts, trial),
        kinds=Kinds(),
    )
    return [trial for trial in found if trial.state == TrialState.COMPLETE]


def drawn(facts: Facts, trials: Sequence[FrozenTrial]) -> list[Drawn]:
    """What was drawn in these, in the order of the space; of what had one value, nothing."""
    ranges: dict[str, BaseDistribution] = {}
    values: dict[str, dict[int, Value]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            ranges.setdefault(name, trial.distributions[name])
            values.setdefault(name, {})[trial.number - 1] = value
    known = not isinstance(facts.task, RecordedTask)
    return [
        Drawn(name, ranges[name], of, known)
        for name, of in values.items()
        if len(set(of.values())) > 1 or len(of) < len(trials)
    ]


def _guessed(facts: Facts, trials: Sequence[Trial]) -> list[FrozenTrial]:
    from optuna.distributions import FloatDistribution, IntDistribution
    from optuna.trial import create_trial

    seen: dict[str, list[Value]] = {}
    for trial in trials:
        for name, value in trial.suggestion.config.items():
            seen.setdefault(name, []).append(value)
    ranges: dict[str, BaseDistribution] = {}
    for name, values in seen.items():
        numbers = [v for v in values if type(v) in (int, float) and math.isfinite(v)]  # type: ignore[arg-type]
        if len(numbers) < len(values) or len(set(numbers)) < FEW:
            ranges[name] = CategoricalDistribution(list(dict.fromkeys(values)))
            continue
        low, high = min(numbers), max(numbers)  # type: ignore[type-var]
        log = low > 0 and high / low >= 50  # type: ignore[operator]
        whole = all(type(number) is int for number in numbers)
        kind: Any = IntDistribution if whole else FloatDistribution
        ranges[name] = kind(low, high, log=log)
    worst = min(rung_value(facts, trial) for trial in trials if not trial.failed)
    found = []
    for trial in trials:
        config = dict(trial.suggestion.config)
        value = worst if trial.failed else rung_value(facts, trial)
        frozen = create_trial(
            value=value, params=config, distributions={name: ranges[name] for name in config}
        )
        frozen.number = trial.number + 1
        found.append(frozen)
    return found
