"""Where a running study stands, derived from its record event by event: what its views show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.decisions import asha, plan
from search.decisions.gain import Gain, NoGain
from search.decisions.history import Event, History, Trial
from search.decisions.remaining import Remaining
from search.record.record import Record, Study
from search.reports.summary import complete_trials, mean_value, named_runs
from search.reports.time_left import TimeLeft
from search.tasks.task import Task

__all__ = ["Best", "Follower", "RungStanding", "Standing", "Work"]

BEST_SHOWN = 8
REASONS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Best:
    """One of the best trials."""

    trial: int
    state: str
    value: float  # at its last epoch
    curve: list[float]


@dataclass(frozen=True, kw_only=True)
class RungStanding:
    """A rung, and what a trial needs there to go on (None: none has gone on yet)."""

    epoch: int
    reached: int
    went_on: int
    best: float | None
    cut_off: float | None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker does."""

    trial: int
    epoch: int  # that it trains now
    target: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """All that a screen shows, as plain values; times in s."""

    name: str
    metric: str
    maximise: bool
    elapsed_s: float
    left: Remaining | None
    ended: str  # how the last session ended; "": it goes on
    counts: Mapping[str, int]  # trials by state
    trials: int  # that it is to have
    epochs: int
    most_epochs: int
    best: list[Best]
    incumbent: Best | None  # the best complete one
    baselines: list[tuple[str, float]]
    rungs: list[RungStanding]
    work: list[Work]
    workers: int
    utilisation: float | None
    failures: list[tuple[str, int]]  # reason, trials
    gain: Gain | None = None  # of further trials, where the study may end for want of it
    problem: str = ""  # why the record does not answer

    @property
    def begun(self) -> bool:
        return bool(sum(self.counts.values()))


class Follower:
    """Reads a study's new events, and says where it stands."""

    def __init__(self, record: Record, study: Study, task: Task) -> None:
        self.record, self.study, self.task = record, study, task
        self.history = History()
        self.complete = complete_trials(self.history, study, task)
        self._full_length = len(task.first_trials(study.config))

        def value(trial: Trial, epoch: int) -> float:
            return task.sign * trial.value(task.metric, epoch)

        self._ladder = asha.rungs_of(
            self.history,
            ladder=plan.ladder_of(study.config),
            full_length=self._full_length,
            value=value,
        )
        self._gain = NoGain(
            self.history,
            full_length=self._full_length,
            first_epoch=study.config.min_epochs,
            max_epochs=study.config.max_epochs,
            value=value,
        )
        self._left = TimeLeft(self.history, study, task, self._full_length)
        self._cursor = 0

    def read(self, heard: Callable[[float, Event], None] = lambda at, event: None) -> None:
        """Take what is new; `heard` is told of each event after it. Raises UnreachableError."""
        for sequence, at, event in self.record.events(self.study, self._cursor):
            self.history.apply(at, event)
            self._cursor = sequence
            heard(at, event)

    def standing(self, problem: str = "") -> Standing:
        history, config = self.history, self.study.config
        # Another machine's clock may be behind that of the driver.
        now = max([time.time(), *(span.ended for span in history.spans[-1:])])
        session = history.last_session
        ended = session.event if session and session.event != "started" else ""
        if not ended:
            self._left.update(now)
        span = history.spans[-1] if history.spans else None
        elapsed_s = ((span.ended if ended else now) - span.started) if span else 0.0
        core_s = span.training_s * config.cores if span else 0.0
        best = self.complete.best()
        return Standing(
            name=self.study.name,
            metric=self.task.metric,
            maximise=self.task.sign > 0,
            elapsed_s=elapsed_s,
            left=None if ended else self._left.interval(now),
            ended=ended,
            counts=self._counts(ended),
            trials=history.length or config.trials,
            epochs=history.epochs,
            most_epochs=plan.most_epochs_of(config, history.length, self._full_length, history),
            best=self._best(),
            incumbent=None if best is None else self._as_best(best),
            baselines=self._baselines(),
            rungs=[self._rung(rung) for rung in self._ladder],
            work=[
                Work(trial=trial.number, epoch=trial.epoch + 1, target=trial.target)
                for trial in history.open_trials()
            ],
            workers=config.workers,
            utilisation=span.cpu_s / core_s if span and core_s else None,
            failures=self._failures(),
            gain=self._gain.gain() if config.stop_when_no_gain else None,
            problem=problem,
        )

    def _counts(self, ended: str) -> dict[str, int]:
        history = self.history
        states = {
            "complete": len(self.complete),
            "failed": history.failed,
            "running": len(history.open_trials()),
        }
        resting = "pruned" if ended == "finished" else "paused"
        states[resting] = len(history.trials) - sum(states.values())
        return {state: count for state, count in sorted(states.items()) if count}

    def _best(self) -> list[Best]:
        """Complete ones first, then those of the highest rungs."""
        found = {trial.number: trial for trial in self.complete.top(BEST_SHOWN)}
        for rung in reversed(self._ladder):
            if len(found) >= BEST_SHOWN:
                break
            for trial in rung.recorded.top(BEST_SHOWN):
                if not trial.failed:
                    found.setdefault(trial.number, trial)
        return [self._as_best(trial) for trial in list(found.values())[:BEST_SHOWN]]

    def _as_best(self, trial: Trial) -> Best:
        return Best(
            trial=trial.number,
            state=self.history.state(trial, self.study.config.max_epochs),
            value=trial.value(self.task.metric),
            curve=[epoch.metrics[self.task.metric] for epoch in trial.epochs],
        )

    def _baselines(self) -> list[tuple[str, float]]:
        known = list(self.study.origin.get("baselines", {}).items())
        runs = named_runs(self.history, self._full_length, self.study.config.max_epochs)
        return known + [(name, mean_value(t, self.task.metric)) for name, t in runs.items()]

    def _rung(self, rung: asha.Rung) -> RungStanding:
        metric, reached = self.task.metric, len(rung.recorded)
        best = rung.recorded.best()
        room = rung.recorded.top(reached // self.study.config.reduction_factor)
        last = rung.epoch == self._ladder[-1].epoch
        return RungStanding(
            epoch=rung.epoch,
            reached=reached,
            went_on=len(rung.advanced),
            best=None if best is None else best.value(metric, rung.epoch),
            cut_off=None if last or not room else room[-1].value(metric, rung.epoch),
        )

    def _failures(self) -> list[tuple[str, int]]:
        reasons = Counter(trial.failures[-1].reason for trial in self.history.failed_trials())
        return reasons.most_common(REASONS_SHOWN)
