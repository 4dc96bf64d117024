"""The rules of who trains on that a study may name, and what holds under all of them. Pure.

A rule is made once for a history that goes on, and asked for the next step whenever a worker is
free; it keeps nothing that the history does not tell. `RULES` is the one table: a new rule is a
line here, and a name in `SCHEDULERS` (search/tasks/config.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

from search.decisions import asha, plan
from search.decisions.budget import affordable_trials, within_budget
from search.decisions.history import History, Segment, Trial
from search.decisions.hyperband import Hyperband
from search.decisions.own import OwnScheduler
from search.tasks.config import StudyConfig
from search.tasks.own_names import is_own

__all__ = ["RULES", "Rule", "Schedule"]

Value = Callable[[Trial, int], float]  # the objective at an epoch, larger is better


class Rule(Protocol):
    """Who trains on."""

    def next(self, *, trials: int, workers: int) -> asha.Next:
        """The next segment; or "suggest", to start trial number `len(history.trials)`; or "wait",
        until an open trial ends; or "finished". `trials`: how many there are to be; `workers`: how
        many may be open."""
        ...

    def first_target(self, number: int) -> int:
        """The epoch to which trial `number` runs before it pauses for the first time."""
        ...


class Asha:
    """Both rules of asha.py, and none."""

    def __init__(
        self, history: History, config: StudyConfig, full_length: int, value: Value
    ) -> None:
        self._history, self._config, self._full_length = history, config, full_length
        self._ladder = plan.ladder_of(config)
        self._rungs = asha.rungs_of(
            history, ladder=self._ladder, full_length=full_length, value=value
        )

    def next(self, *, trials: int, workers: int) -> asha.Next:
        return asha.next_segment(
            self._history,
            self._rungs,
            reduction_factor=self._config.reduction_factor,
            scheduler=self._config.scheduler,
            trials=trials,
            workers=workers,
        )

    def first_target(self, number: int) -> int:
        return asha.first_target(
            number,
            ladder=self._ladder,
            scheduler=self._config.scheduler,
            full_length=self._full_length,
        )


# Of a history, the study's configuration, how many first trials run to the end and do not count at
# the rungs, and the objective.
RULES: Mapping[str, Callable[[History, StudyConfig, int, Value], Rule]] = {
    "asha": Asha,
    "asha-published": Asha,
    "hyperband": Hyperband,
    "none": Asha,
}


class Schedule:
    """One study's rule, kept to its budget."""

    def __init__(
        self,
        history: History,
        config: StudyConfig,
        *,
        full_length: int,
        value: Value,
        looked_at: bool = False,
    ) -> None:
        """`looked_at`: by who must not import a user's own rule: ASHA's stands for it."""
        if looked_at and is_own(config.scheduler):
            config = dataclasses.replace(config, scheduler="asha")
        self._history, self._config, self._full_length = history, config, full_length
        make = RULES.get(config.scheduler, OwnScheduler)
        self._rule = make(history, config, full_length, value)
        self._rungs = asha.rungs_of(
            history, ladder=plan.ladder_of(config), full_length=full_length, value=value
        )

    def next(self, *, trials: int, workers: int) -> asha.Next:
        """As of a rule, whose number of trials the budget may bound. Raises UserError, of a user's
        own."""
        config, history = self._config, self._history
        affordable = affordable_trials(config, trials, self._full_length, history)
        decision = self._rule.next(trials=max(affordable, len(history.trials)), workers=workers)
        if config.scheduler in plan.LIMITED:
            return decision
        return within_budget(decision, history, self._rungs, config, self._rule.first_target)

    def first_segment(self, number: int) -> Segment:
        """The segment that trial `number` begins with."""
        target = self._rule.first_target(number)
        return Segment(trial=number, attempt=0, first_epoch=1, last_epoch=target)
