"""A study that is given a budget of epochs: whether it can be, and how many trials that are."""

from __future__ import annotations

import dataclasses

from search.decisions.budget import affordable_trials, epochs_given, least_budget
from search.decisions.history import History
from search.errors import UserError
from search.tasks.config import StudyConfig
from search.tasks.task import Task

__all__ = ["extended_by_budget", "with_budget"]


def with_budget(config: StudyConfig, task: Task, *, trials: int | None) -> StudyConfig:
    """The study with as many trials as its budget holds, at most `trials`; without a budget as it
    is. Raises UserError."""
    if not config.budget_epochs:
        return config
    # Each trial takes an epoch at least.
    longest = dataclasses.replace(config, trials=trials or config.budget_epochs)
    named = len(task.first_trials(longest))
    _check(config, named)
    return dataclasses.replace(config, trials=affordable_trials(longest, longest.trials, named))


def extended_by_budget(
    config: StudyConfig, task: Task, history: History, *, trials: int, asked: bool
) -> int:
    """How many trials a study is to have that goes on with the budget of `config`: those it was to
    have, and, unless so many were `asked` for, all that the budget holds. Raises UserError."""
    if not config.budget_epochs:
        return trials
    named = len(task.first_trials(config))
    _check(config, named)
    given = epochs_given(history)
    if config.budget_epochs < given:
        raise UserError(
            f"--budget-epochs must be at least the epochs that are given out ({given}), got "
            f"{config.budget_epochs}"
        )
    if asked:
        return trials
    return max(trials, affordable_trials(config, config.budget_epochs, named, history))


def _check(config: StudyConfig, named: int) -> None:
    least = least_budget(config, named)
    if config.budget_epochs < least:
        what = f"the {named} named points take" if named else "one trial takes"
        raise UserError(
            f"--budget-epochs must be at least {least}, which {what} in full; got "
            f"{config.budget_epochs}"
        )
