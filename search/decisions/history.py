"""A study as its events tell it. Every state that is shown or decided on is derived here.

    record (rows) → events → History → decisions, summary, progress, MLflow

`History` is a fold: the same events in the same order give the same history, live or read back.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from search.decisions.span import Span
from search.tasks.config import Value

__all__ = [
    "EpochEnd",
    "Event",
    "Failure",
    "Given",
    "History",
    "Segment",
    "Session",
    "Suggestion",
    "Trial",
    "TrialState",
]

TrialState = Literal["running", "paused", "pruned", "complete", "failed"]
Decision = Literal["go on", "pause", "complete"]
SessionEvent = Literal["started", "finished", "stopped", "interrupted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A trial's configuration was decided."""

    trial: int
    config: Mapping[str, Value]  # all hyperparameters, defaults included
    seed: int
    source: str  # the named point, or the sampler


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A worker was given a trial to train from `first_epoch` to `last_epoch`, both included."""

    trial: int
    attempt: int  # 0, and one more for each time a process died under the trial
    first_epoch: int
    last_epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnd:
    """An epoch's metrics, all finite, and what was decided on them."""

    trial: int
    attempt: int
    epoch: int
    metrics: Mapping[str, float]
    cpu_s: float  # CPU seconds of training and evaluation
    wall_s: float  # seconds by the clock, of the same
    reset_s: float  # before the first epoch of a segment: loading data, vectors, checkpoint
    decision: Decision
    # What the process used at its end, by name (search/driver/usage.py); {}: it is not known.
    usage: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An attempt failed; with `final`, so did the trial."""

    trial: int
    attempt: int
    epoch: int  # the epoch that did not end
    reason: str  # one line
    traceback: str
    counts: bool = True  # against the attempts that a trial has; a preempted machine's does not
    final: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A driver began or ended its work on the study."""

    event: SessionEvent
    trials: int  # the study's length as of now
    details: Mapping[str, Any] = field(default_factory=dict)


Event = Suggestion | Segment | EpochEnd | Failure | Session


@dataclass(slots=True)
class Trial:
    """One configuration's training so far."""

    suggestion: Suggestion
    epochs: list[EpochEnd] = field(default_factory=list)
    epoch_times: list[float] = field(default_factory=list)  # when each ended, Unix time in s
    failures: list[Failure] = field(default_factory=list)
    target: int = 0  # the epoch that it is to reach
    open: bool = False  # a worker of this session has it
    started_at: float = 0.0  # Unix time in s
    ended_at: float = 0.0  # of its last event

    def copy(self) -> Trial:
        own = {name: getattr(self, name).copy() for name in ("epochs", "epoch_times", "failures")}
        return replace(self, **own)

    @property
    def number(self) -> int:
        return self.suggestion.trial

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return len(self.epochs)

    @property
    def attempt(self) -> int:
        """The number of its present attempt: 0, and one more for each failure."""
        return len(self.failures)

    @property
    def failed(self) -> bool:
        return bool(self.failures) and self.failures[-1].final

    def complete(self, max_epochs: int) -> bool:
        """It has trained in full."""
        return self.epoch >= max_epochs and not self.failed

    @property
    def unfinished(self) -> bool:
        """It has not reached its target: in a worker's hands, or interrupted."""
        return not self.failed and self.epoch < self.target

    def value(self, metric: str, epoch: int | None = None) -> float:
        """The metric at `epoch`, or at the last one: a trial's value is that of its last epoch."""
        return self.epochs[-1 if epoch is None else epoch - 1].metrics[metric]


class History:
    """A study's trials, in the order of their numbers, after the events seen so far."""

    def __init__(self, events: Iterable[tuple[float, Event]] = ()) -> None:
        self.trials: list[Trial] = []
        self.last_session: Session | None = None
        self.depends_on: Mapping[str, Any] | None = None  # hashes and versions of the last start
        self.notified = False  # whether the last driver told somebody of how it goes
        self.spans: list[Span] = []  # one a session
        self.length = 0  # trials that the study was last asked for
        self.event_trials: list[int] = []  # the trial of each event, in order: what views follow
        self.epoch_walls_s: list[float] = []  # of all epochs, ascending
        # Of this session: trials that failed alike with no epoch between, and begun ones that did.
        self.failures_in_a_row = self.failures_of_begun = 0
        self.last_reason = ""  # of a trial that failed
        self.trained = 0  # trials that have ended an epoch
        self._open: set[int] = set()
        self._waiting: set[int] = set()
        self._arrived: set[int] = set()
        self._failed: set[int] = set()
        for event in events:
            self.apply(*event)

    def copy(self) -> History:
        """One that goes on by itself."""
        twin = History()
        for name, value in vars(self).items():
            setattr(twin, name, value.copy() if isinstance(value, list | set) else value)
        twin.trials = [trial.copy() for trial in self.trials]
        twin.spans = [replace(span) for span in self.spans]
        return twin

    def apply(self, at: float, event: Event) -> None:
        """Take one event, at `at` seconds since the Unix epoch."""
        if isinstance(event, Session):
            self._apply_session(at, event)
            return
        self.spans[-1].ended = at
        if isinstance(event, Suggestion):
            assert event.trial == len(self.trials), "suggestions are numbered in order"
            self.trials.append(Trial(event, started_at=at))
        trial = self.trials[event.trial]
        trial.ended_at = at
        match event:
            case Segment():
                trial.target, trial.open = event.last_epoch, True
                self.spans[-1].first_segment = self.spans[-1].first_segment or at
            case EpochEnd():
                assert event.epoch == trial.epoch + 1, "epochs are recorded once, in order"
                trial.epochs.append(event)
                self.trained += event.epoch == 1
                trial.epoch_times.append(at)
                trial.open = event.epoch < trial.target
                self.spans[-1].last_epoch = at
                self.spans[-1].epochs += 1
                self.spans[-1].cpu_s += event.cpu_s
                bisect.insort(self.epoch_walls_s, event.wall_s)
                self.failures_in_a_row = 0
            case Failure():
                if event.final:
                    alike = event.reason == self.last_reason
                    self.failures_in_a_row = 1 + (self.failures_in_a_row if alike else 0)
                    self.failures_of_begun += trial.target > 0
                    self.last_reason = event.reason
                trial.failures.append(event)
                trial.open = False
        self._update_sets(trial)

    def _apply_session(self, at: float, event: Session) -> None:
        self.last_session = event
        self.length = event.trials
        for trial in self.open_trials():
            trial.open = False
            self._update_sets(trial)
        self.failures_in_a_row = self.failures_of_begun = 0
        if event.event == "started":
            self.spans.append(Span(at, at))
            self.depends_on = event.details.get("depends_on", self.depends_on)
            self.notified = bool(event.details.get("notified"))
        else:
            self.spans[-1].ended = at

    def state(self, trial: Trial, max_epochs: int) -> TrialState:
        """A paused trial is pruned once the study is finished without it."""
        if trial.failed:
            return "failed"
        if trial.epoch >= max_epochs:
            return "complete"
        session = self.last_session
        if session is not None and session.event == "started" and trial.open:
            return "running"
        return "pruned" if session is not None and session.event == "finished" else "paused"

    def _update_sets(self, trial: Trial) -> None:
        """Keep the numbers of those of which each holds, at a cost that does not grow."""
        number = trial.number
        for numbers, holds in (
            (self._open, trial.open),
            (self._waiting, trial.unfinished and not trial.open),
            (self._arrived, trial.epoch >= trial.target > 0),
            (self._failed, trial.failed),
        ):
            (numbers.add if holds else numbers.discard)(number)
        self.event_trials.append(number)

    def open_trials(self) -> list[Trial]:
        return [self.trials[number] for number in sorted(self._open)]

    def next_waiting(self) -> Trial | None:
        """The first trial that is to go further and that no worker has: it was interrupted, or
        its process died."""
        return self.trials[min(self._waiting)] if self._waiting else None

    def waiting_trials(self) -> list[Trial]:
        """All of those."""
        return [self.trials[number] for number in sorted(self._waiting)]

    @property
    def failed(self) -> int:
        """Failed trials."""
        return len(self._failed)

    def failed_trials(self) -> list[Trial]:
        return [self.trials[number] for number in sorted(self._failed)]

    @property
    def epochs(self) -> int:
        """Epochs of all trials."""
        return len(self.epoch_walls_s)

    @property
    def unfinished(self) -> int:
        """Trials that train, or are to go on without being asked."""
        return len(self._open) + len(self._waiting)

    @property
    def any_arrived(self) -> bool:
        """Whether a trial has ever reached the epoch that it was sent to."""
        return bool(self._arrived)


# Trials that no sampler draws, numbered after all there are; none: there are no more.
Given = Callable[[History], Sequence[Suggestion]]
