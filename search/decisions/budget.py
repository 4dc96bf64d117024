"""A study that ends when so many epochs have been given out. Pure.

Under a rule of `plan.LIMITED` the number of trials follows from the budget before the start. Under
another, how far trials will go is not known: a segment that no longer fits is not given out, and so
much is kept back that one trial can be completed.
"""

from __future__ import annotations

from collections.abc import Callable

from search.decisions import asha, plan
from search.decisions.history import History, Segment
from search.tasks.config import StudyConfig

__all__ = ["affordable_trials", "epochs_given", "least_budget", "within_budget"]


def epochs_given(history: History) -> int:
    """Epochs that have ended, and those that trials have still to go to their targets."""
    unfinished = [*history.open_trials(), *history.waiting_trials()]
    return history.epochs + sum(trial.target - trial.epoch for trial in unfinished)


def least_budget(config: StudyConfig, named: int) -> int:
    """Epochs that the named points take, or one trial."""
    return max(named, 1) * config.max_epochs


def affordable_trials(
    config: StudyConfig, trials: int, named: int, history: History | None = None
) -> int:
    """Of the `trials` that a study is to have at most, those that its budget holds if no trial
    fails from now on: `history` is what is known of it. All, where the rule is none of LIMITED."""
    if not config.budget_epochs or config.scheduler not in plan.LIMITED:
        return trials
    low, high = 0, trials
    while low < high:
        middle = (low + high + 1) // 2
        if plan.most_without_budget(config, middle, named, history) <= config.budget_epochs:
            low = middle
        else:
            high = middle - 1
    return low


def within_budget(
    decision: asha.Next,
    history: History,
    rungs: list[asha.Rung],
    config: StudyConfig,
    first_target: Callable[[int], int],
) -> asha.Next:
    """`decision`, of a rule that is none of LIMITED, if the budget holds it; else what ends the
    study. `first_target`: the rule's."""
    if not config.budget_epochs or (isinstance(decision, str) and decision != "suggest"):
        return decision
    waiting = isinstance(decision, Segment) and history.trials[decision.trial].unfinished
    if waiting:
        # It was given out before.
        return decision
    left = config.budget_epochs - epochs_given(history)
    if isinstance(decision, Segment):
        costs, reached = decision.last_epoch - decision.first_epoch + 1, decision.last_epoch
    else:
        costs = reached = first_target(len(history.trials))
    kept = (
        0 if _has_winner(history, config) else config.max_epochs - min(reached, config.max_epochs)
    )
    if costs + kept <= left:
        return decision
    if history.open_trials():
        return "wait"
    hope = asha.last_hope(history, rungs)
    if hope is not None and hope.last_epoch - hope.first_epoch + 1 <= left:
        return hope
    return "finished"


def _has_winner(history: History, config: StudyConfig) -> bool:
    """Whether a trial is complete, or on its way to be."""
    last = config.max_epochs
    return any(not trial.failed and trial.target >= last for trial in history.trials)
