"""Which of the trials that were stopped at rungs are trained to the end after all. Pure.

A random few tell what stopping has cost (search/statistics/stopping.py): each is drawn with a
probability that is known, and that is above 0 for every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search.decisions.history import History, Suggestion, Trial
from trainables.seeding import derive

__all__ = ["AUDITED", "Drawn", "audited_trial", "draw", "source_of", "stopped_trials"]

AUDITED = 3  # how many, by default
_SOURCE = "audit of trial "


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A stopped trial that is to be trained to the end."""

    trial: int
    rung: int  # the epoch that it was stopped at
    group: int  # of those that it was drawn from
    group_size: int
    probability: float


def stopped_trials(history: History, *, full_length: int, max_epochs: int) -> list[Trial]:
    """Those that rest at a rung. `full_length`: so many first trials are never stopped."""
    return [
        trial
        for trial in history.trials
        if trial.number >= full_length
        and not trial.failed
        and 0 < trial.epoch == trial.target < max_epochs
    ]


def draw(rungs: Mapping[int, int], *, count: int, seed: int) -> list[Drawn]:
    """`count` of the stopped trials, given as trial → rung; or all, where there are fewer.

    Simple random samples without replacement, as equal in size as may be, of groups: the trials of
    one rung. What cannot be divided goes to the higher rungs, where most is to be won. Of more
    rungs than draws the lowest are one group. The order within a group is a function of the seed
    and the trial's number, so that more draws add to fewer.
    """
    if count < 1 or not rungs:
        return []
    epochs = sorted(set(rungs.values()), reverse=True)
    lowest = epochs[min(count, len(epochs)) - 1]
    groups: list[list[int]] = [
        sorted(
            (trial for trial, rung in rungs.items() if rung == epoch or rung < epoch == lowest),
            key=lambda trial: derive(seed, "audit", trial),
        )
        for epoch in epochs
        if epoch >= lowest
    ]
    taken = [0] * len(groups)
    for _ in range(min(count, len(rungs))):
        open_groups = [g for g, trials in enumerate(groups) if taken[g] < len(trials)]
        taken[min(open_groups, key=lambda g: taken[g])] += 1
    return [
        Drawn(
            trial=trial,
            rung=rungs[trial],
            group=g,
            group_size=len(trials),
            probability=taken[g] / len(trials),
        )
        for g, trials in enumerate(groups)
        for trial in trials[: taken[g]]
    ]


def source_of(trial: int) -> str:
    """What the record says of an audit's run: nobody takes it for a fresh seed of the trial."""
    return f"{_SOURCE}{trial}"


def audited_trial(run: Suggestion) -> int | None:
    """The stopped trial that a run of a promotion audits; None: it is another kind of run."""
    return int(run.source.removeprefix(_SOURCE)) if run.source.startswith(_SOURCE) else None
