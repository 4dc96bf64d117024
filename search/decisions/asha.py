"""What to do next when a worker is free: asynchronous successive halving. Pure.

Li et al. 2020 (arXiv:1810.05934), Algorithm 2, in the form that promotes: a trial pauses at each
rung, and a free worker lets the best paused trial of the highest rung advance that has room, or
starts a new trial. Our deviation ("asha"): at most ⌊n/η⌋ of the n trials recorded at a rung ever
advance from it. In the paper ("asha-published") a trial may advance whenever it is among the best
⌊n/η⌋; where proposals improve over time every newcomer is, and nobody is held back.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from search.decisions.history import History, Segment, Trial
from search.decisions.ranking import Ranking
from search.tasks.config import Scheduler

__all__ = ["Next", "Rung", "first_target", "next_segment", "rungs_of"]

Next = Segment | Literal["suggest", "wait", "finished"]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """An epoch at which trials are compared, and who is there, best first."""

    epoch: int  # r·ηᵏ of Algorithm 2's rung k
    recorded: Ranking  # all that have reached it, failed ones included
    advanced: Ranking  # those of them that were given a later target
    paused: Ranking  # those of them that wait here, and did not fail


def rungs_of(
    history: History, *, ladder: list[int], full_length: int, value: Callable[[Trial, int], float]
) -> list[Rung]:
    """The rungs, lowest first, at the epochs of `ladder` (ascending, the last is R).

    `value(trial, epoch)`: the objective at that epoch, larger is better. The first `full_length`
    trials run to the end without pausing and do not count at the rungs.
    """
    return [_rung(history, epoch, full_length, value) for epoch in ladder]


def _rung(
    history: History, epoch: int, full_length: int, value: Callable[[Trial, int], float]
) -> Rung:
    def ranking(counts: Callable[[Trial], bool]) -> Ranking:
        return Ranking(
            history,
            counts=lambda trial: trial.number >= full_length and counts(trial),
            value=lambda trial: value(trial, epoch),
        )

    return Rung(
        epoch=epoch,
        recorded=ranking(lambda trial: trial.epoch >= epoch),
        advanced=ranking(lambda trial: trial.epoch >= epoch and trial.target > epoch),
        paused=ranking(lambda trial: trial.epoch == trial.target == epoch and not trial.failed),
    )


def next_segment(
    history: History,
    rungs: list[Rung],
    *,
    reduction_factor: int,
    scheduler: Scheduler,
    trials: int,
    workers: int,
) -> Next:
    """The next segment; or "suggest", to start trial number `len(history.trials)`; or "wait",
    until a trial that is open ends; or "finished".

    Li et al. 2020 (arXiv:1810.05934), Algorithm 2, `get_job`. `rungs`: of this history
    (`rungs_of`). `reduction_factor`: η. `trials`: how many the study is to have. `workers`: how
    many may be open at a time. `scheduler`: "asha", "asha-published" or "none" (see above).
    """
    open_now = len(history.open_trials())
    if open_now >= workers:
        return "wait"
    waiting = history.next_waiting()
    if waiting is not None:
        return _segment(waiting, waiting.target)
    if scheduler != "none":
        for rung, above in reversed(list(itertools.pairwise(rungs))):
            promotable = _promotable(rung, reduction_factor, scheduler)
            if promotable is not None:
                return _segment(promotable, above.epoch)
    if len(history.trials) < trials:
        return "suggest"
    return "wait" if open_now else "finished"


def first_target(number: int, *, ladder: list[int], scheduler: Scheduler, full_length: int) -> int:
    """The epoch to which trial `number` runs before it pauses for the first time."""
    return ladder[-1] if scheduler == "none" or number < full_length else ladder[0]


def _promotable(rung: Rung, reduction_factor: int, scheduler: Scheduler) -> Trial | None:
    """The best trial that is paused at the rung, if it may advance now. Ties go by number."""
    best = rung.paused.best()
    if best is None:
        return None
    ahead = len(rung.advanced) if scheduler == "asha" else rung.recorded.rank(best)
    return best if ahead < len(rung.recorded) // reduction_factor else None


def _segment(trial: Trial, last_epoch: int) -> Segment:
    return Segment(
        trial=trial.number,
        attempt=trial.attempt,
        first_epoch=trial.epoch + 1,
        last_epoch=last_epoch,
    )
