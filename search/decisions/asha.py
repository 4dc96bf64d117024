"""What to do next when a worker is free: asynchronous successive halving. Pure.

Li et al. 2020 (arXiv:1810.05934), Algorithm 2, in the form that promotes: a trial pauses at each
rung, and a free worker lets the best paused trial of the highest rung advance that has room, or
starts a new trial. Our deviation ("asha"): at most ⌊n/η⌋ of the n trials recorded at a rung ever
advance from it. In the paper ("asha-published") a trial may advance whenever it is among the best
⌊n/η⌋; where proposals improve over time every newcomer is, and nobody is held back.

Two rules for what the paper leaves open, under both. A trial that fails before the next rung gives
its place back. And a study ends with a winner if one of its trials can be completed: where all else
is done and none is complete (the others have failed, or the study is small), the best trial that is
paused at the highest rung goes on to the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from search.decisions.history import History, Segment, Trial
from search.decisions.ranking import Ranking

__all__ = [
    "Next",
    "Rung",
    "first_segment",
    "first_target",
    "last_hope",
    "next_of",
    "next_segment",
    "promotion",
    "rungs_of",
    "segment_to",
]

Next = Segment | Literal["suggest", "wait", "finished"]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """An epoch at which trials are compared, and who is there, best first."""

    epoch: int  # r·ηᵏ of Algorithm 2's rung k
    recorded: Ranking  # all that have reached it, failed ones included
    standing: Ranking  # those of them that did not fail before the next rung
    advanced: Ranking  # those of `standing` that were given a later target
    paused: Ranking  # those of them that wait here, and did not fail


def rungs_of(
    history: History,
    *,
    ladder: list[int],
    full_length: int,
    value: Callable[[Trial, int], float],
    among: Callable[[Trial], bool] = lambda trial: True,
) -> list[Rung]:
    """The rungs, lowest first, at the epochs of `ladder` (ascending, the last is R).

    `value(trial, epoch)`: the objective at that epoch, larger is better. The first `full_length`
    trials run to the end without pausing and do not count at the rungs; nor does who is not
    `among` those that are compared, as another bracket's.
    """

    def counts(trial: Trial) -> bool:
        return trial.number >= full_length and among(trial)

    next_ones = [*ladder[1:], ladder[-1]]
    return [
        _rung(history, epoch, above, counts, value)
        for epoch, above in zip(ladder, next_ones, strict=True)
    ]


def _rung(
    history: History,
    epoch: int,
    above: int,
    among: Callable[[Trial], bool],
    value: Callable[[Trial, int], float],
) -> Rung:
    def stands(trial: Trial) -> bool:
        return trial.epoch >= epoch and not (trial.failed and trial.epoch < above)

    def ranking(counts: Callable[[Trial], bool]) -> Ranking:
        return Ranking(
            history,
            counts=lambda trial: among(trial) and counts(trial),
            value=lambda trial: value(trial, epoch),
        )

    return Rung(
        epoch=epoch,
        recorded=ranking(lambda trial: trial.epoch >= epoch),
        standing=ranking(stands),
        advanced=ranking(lambda trial: stands(trial) and trial.target > epoch),
        paused=ranking(lambda trial: trial.epoch == trial.target == epoch and not trial.failed),
    )


def next_segment(
    history: History,
    rungs: list[Rung],
    *,
    reduction_factor: int,
    scheduler: str,
    trials: int,
    workers: int,
) -> Next:
    """The next segment; or "suggest", to start trial number `len(history.trials)`; or "wait",
    until a trial that is open ends; or "finished".

    Li et al. 2020 (arXiv:1810.05934), Algorithm 2, `get_job`. `rungs`: of this history
    (`rungs_of`). `reduction_factor`: η. `trials`: how many the study is to have. `workers`: how
    many may be open at a time. `scheduler`: "asha", "asha-published" or "none" (see above).
    """
    steps = () if scheduler == "none" else reversed(list(itertools.pairwise(rungs)))
    return next_of(
        history,
        rungs,
        promotions=(promotion(*step, reduction_factor, scheduler) for step in steps),
        trials=trials,
        workers=workers,
    )


def next_of(
    history: History,
    rungs: list[Rung],
    *,
    promotions: Iterable[Segment | None],
    trials: int,
    workers: int,
) -> Next:
    """As `next_segment`, of a rule whose `promotions`, looked at in their order, are those that may
    be now. `rungs`: where trials are paused, ascending; the last is full length."""
    open_now = len(history.open_trials())
    if open_now >= workers:
        return "wait"
    waiting = history.next_waiting()
    if waiting is not None:
        return segment_to(waiting, waiting.target)
    promoted = next(filter(None, promotions), None)
    if promoted is not None:
        return promoted
    if len(history.trials) < trials:
        return "suggest"
    if open_now:
        return "wait"
    return last_hope(history, rungs) or "finished"


def last_hope(history: History, rungs: list[Rung]) -> Segment | None:
    """The best at the highest rung at which one is paused, on to the end, if none is complete."""
    last = rungs[-1].epoch
    at_each = (rung.paused.best() for rung in reversed(rungs) if rung.epoch < last)
    best = next((trial for trial in at_each if trial is not None), None)
    if best is None or any(trial.complete(last) for trial in history.trials):
        return None
    return segment_to(best, last)


def first_segment(number: int, *, ladder: list[int], scheduler: str, full_length: int) -> Segment:
    """The segment that trial `number` begins with."""
    target = first_target(number, ladder=ladder, scheduler=scheduler, full_length=full_length)
    return Segment(trial=number, attempt=0, first_epoch=1, last_epoch=target)


def first_target(number: int, *, ladder: list[int], scheduler: str, full_length: int) -> int:
    """The epoch to which trial `number` runs before it pauses for the first time."""
    return ladder[-1] if scheduler == "none" or number < full_length else ladder[0]


def promotion(rung: Rung, above: Rung, reduction_factor: int, scheduler: str) -> Segment | None:
    """The best trial that is paused at the rung, if it may advance now. Ties go by number."""
    best = rung.paused.best()
    if best is None:
        return None
    ahead = rung.standing.rank(best) if scheduler == "asha-published" else len(rung.advanced)
    return segment_to(best, above.epoch) if ahead < len(rung.recorded) // reduction_factor else None


def segment_to(trial: Trial, last_epoch: int) -> Segment:
    return Segment(
        trial=trial.number,
        attempt=trial.attempt,
        first_epoch=trial.epoch + 1,
        last_epoch=last_epoch,
    )
