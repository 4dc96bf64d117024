"""What a user's own sampler and scheduler are given, and what they give. Pure.

Both are functions of a study's history and of nothing else: the same trials, the same answer, in
any process, so that a study that was killed goes on as it would have. What they keep is lost.

    def sampler(asked):                  # --sampler module:sampler
        return asked.draw(optuna.samplers.GPSampler(seed=asked.seed))

    def scheduler(free):                 # --scheduler module:scheduler
        paused = [trial for trial in free.trials if trial.state == "paused"]
        ...
        return number, epoch             # that trial trains on to that epoch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from search.decisions import asha
from search.decisions.history import History, Segment, Trial
from search.errors import UserError, reason_of
from search.tasks.config import StudyConfig, Value
from search.tasks.own_function import find_function
from search.tasks.user_code import with_place

__all__ = ["Free", "OwnScheduler", "SeenTrial", "called", "seen_trial"]


@dataclass(frozen=True, kw_only=True)
class SeenTrial:
    """A trial as a user's function sees it."""

    number: int
    config: Mapping[str, Value]  # all hyperparameters
    state: Literal["running", "paused", "complete", "failed"]
    scores: Sequence[float]  # the objective at each epoch that has ended, larger is better
    target: int  # the epoch that it trains to, or has paused at


@dataclass(frozen=True, kw_only=True)
class Free:
    """A worker is free: who trains next?"""

    trials: Sequence[SeenTrial]  # by number, named points first
    named: int  # so many named points, which train in full
    more: bool  # whether a new trial may begin: its number is len(trials)
    min_epochs: int
    max_epochs: int
    reduction_factor: int
    workers: int


def seen_trial(
    trial: Trial, scores: Sequence[float], max_epochs: float = float("inf")
) -> SeenTrial:
    state: Literal["running", "paused", "complete", "failed"] = "paused"
    if trial.failed:
        state = "failed"
    elif trial.epoch >= max_epochs:
        state = "complete"
    elif trial.unfinished:
        state = "running"
    return SeenTrial(
        number=trial.number,
        config=trial.suggestion.config,
        state=state,
        scores=scores,
        target=trial.target,
    )


def called(kind: str, name: str, given: Any) -> Any:
    """What the user's function gives. Raises UserError for whatever it raises."""
    function = find_function(kind, name)
    try:
        return function(given)
    except (Exception, SystemExit) as error:
        raise UserError(f"{kind} {name} raises {with_place(error)}") from error


class OwnScheduler:
    """A rule of schedulers.py: a user's function says who trains on, and how far.

    Trials that were interrupted go on first, named points run in full, and a study ends with a
    winner, whatever it says.
    """

    def __init__(
        self,
        history: History,
        config: StudyConfig,
        full_length: int,
        value: Callable[[Trial, int], float],
    ) -> None:
        self._history, self._config, self._named = history, config, full_length
        self._value = value
        ends = sorted({config.min_epochs, config.max_epochs})
        self._rungs = asha.rungs_of(history, ladder=ends, full_length=full_length, value=value)
        self._first_target = config.max_epochs  # of the trial that is to begin

    def next(self, *, trials: int, workers: int) -> asha.Next:
        """Raises UserError for an answer that cannot be followed."""
        history, begun = self._history, len(self._history.trials)
        busy = len(history.open_trials())
        if busy >= workers:
            return "wait"
        waiting = history.next_waiting()
        if waiting is not None:
            return asha.segment_to(waiting, waiting.target)
        if begun < min(self._named, trials):
            return "suggest"
        answer = called("scheduler", self._config.scheduler, self._free(begun < trials))
        if answer is not None:
            number, epoch = self._checked(answer, begun < trials)
            if number == begun:
                self._first_target = epoch
                return "suggest"
            return asha.segment_to(history.trials[number], epoch)
        if busy:
            return "wait"
        return self._last_hope() or "finished"

    def first_target(self, number: int) -> int:
        return self._config.max_epochs if number < self._named else self._first_target

    def _free(self, more: bool) -> Free:
        config = self._config
        return Free(
            trials=[self._seen(trial) for trial in self._history.trials],
            named=self._named,
            more=more,
            min_epochs=config.min_epochs,
            max_epochs=config.max_epochs,
            reduction_factor=config.reduction_factor,
            workers=config.workers,
        )

    def _seen(self, trial: Trial) -> SeenTrial:
        scores = [self._value(trial, epoch) for epoch in range(1, trial.epoch + 1)]
        return seen_trial(trial, scores, self._config.max_epochs)

    def _checked(self, answer: Any, more: bool) -> tuple[int, int]:
        trials, last = self._history.trials, self._config.max_epochs
        rule = "None, or (number of a paused trial, or of a new one; epoch to train it to)"
        try:
            number, epoch = (int(each) for each in answer)
        except (TypeError, ValueError) as error:
            why = reason_of(error)
        else:
            if number == len(trials) and more and 1 <= epoch <= last:
                return number, epoch
            if 0 <= number < len(trials):
                trial = trials[number]
                if trial.epoch == trial.target and not trial.failed and trial.epoch < epoch <= last:
                    return number, epoch
            why = "it is not paused, it may not begin, or the epoch is not beyond where it stands"
        raise UserError(
            f"scheduler {self._config.scheduler} must give {rule}; got {answer!r}: {why}"
        )

    def _last_hope(self) -> Segment | None:
        """Paused anywhere, not only at a rung: who got furthest, of these the best."""
        trials, last = self._history.trials, self._config.max_epochs
        if any(trial.complete(last) for trial in trials):
            return None
        paused = [t for t in trials if t.epochs and not t.failed and t.epoch == t.target]
        if not paused:
            return None
        key = lambda t: (-t.epoch, -self._value(t, t.epoch), t.number)  # noqa: E731
        return asha.segment_to(min(paused, key=key), last)
