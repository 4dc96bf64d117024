"""The one decision point: a Ray Tune Searcher that answers "what next?" from the record.

Tune asks `suggest` when a worker is free and is told the next segment. What it reports goes into
the record before anything else is decided on it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from search import asha, plan
from search.ending import Ending
from search.files import PATIENCE_S
from search.history import Decision, EpochEnd, Event, Failure, Segment, Suggestion, Trial
from search.nodes import UNFIT
from search.record import Record, RecordError, Study
from search.sampler import suggest, valued
from search.summary import complete_trials
from search.tasks import Task
from trainables.seeding import derive

__all__ = ["ATTEMPTS", "HOPELESS", "StudySearcher"]

ATTEMPTS = 3  # times a process may die under a trial before the trial is failed
DEPARTURES = 20  # times its machine may go away: more is no accident
START_S = 120.0  # what a process may take to start and to import Ray, torch and the task
OWN_WATCHDOG_S = 5.0  # beyond its timeout a process has this long to end itself, and be heard
HOPELESS = 5  # failed trials, and not one that has paused or ended, that end the study

log = logging.getLogger(__name__)


@dataclass
class _Heard:
    """When a segment was last heard of, and how long it may be silent."""

    at: float
    limit_s: float
    started: bool

    def silent_for(self, more_s: float) -> bool:
        return time.monotonic() - self.at >= self.limit_s + more_s


class StudySearcher(Searcher):  # type: ignore[misc]
    """Decides from, and writes to, one study's record."""

    def __init__(
        self,
        record: Record,
        study: Study,
        task: Task,
        ending: Ending,
        common: Mapping[str, Any],
        told: Sequence[Suggestion] = (),
        capacity: Callable[[], int] | None = None,
    ) -> None:
        """`common`: what every segment's Tune configuration holds beside the segment.
        `told`: trials that are not decided here, by their numbers: a promotion's runs.
        `capacity`: how many trials may be open now; by default as many as there are workers."""
        super().__init__()
        self._record = record
        self._study = study
        self._task = task
        self._files = record.files(study)
        self._common = dict(common)
        self.history = record.history(study)
        self._ending = ending
        self.finished = False  # there is nothing left to do
        self._segments: dict[str, Segment] = {}  # by Tune trial, those in a worker's hands
        self._heard: dict[str, _Heard] = {}  # of each of those
        self._waiting: Segment | None = None  # decided, but the record does not answer
        config = study.config
        self._ladder = plan.ladder_of(config)
        self._first = task.first_trials(config)
        self._capacity = capacity or (lambda: config.workers)
        self._rungs = asha.rungs_of(
            self.history, ladder=self._ladder, full_length=len(self._first), value=self.value
        )
        self._valued = valued(self.history, self.value)
        self._complete = complete_trials(self.history, study, task)
        self._told = {suggestion.trial: suggestion for suggestion in told}

    def value(self, trial: Trial, epoch: int | None = None) -> float:
        """The objective, larger is better."""
        return trial.value(self._task.metric, epoch) * self._task.sign

    def suggest(self, trial_id: str) -> Any:
        """The next segment for the free worker, or FINISHED, or None: ask again.

        While the record does not answer there is none, so that what waits in memory is at most the
        rest of the segments that were running: an epoch each for every worker and epoch to go.
        """
        told = self._told_next(trial_id)
        self.finished = told == Searcher.FINISHED
        return told

    def _told_next(self, trial_id: str) -> Any:
        if self._ending.early:
            return None if self._segments else Searcher.FINISHED
        try:
            if not self._record.flush():
                return None
            segment, self._waiting = self._waiting or self._next(), None
            if isinstance(segment, Segment) and not self._record.flush():
                self._waiting = segment  # no worker has what is not on record
                return None
        except RecordError as error:
            self._ending.ask("failed", str(error), grace_s=0)
            return None
        if not isinstance(segment, Segment):
            return segment
        timeout_s = self._timeout_s()
        self._segments[trial_id] = segment
        start_s = max(timeout_s, START_S)
        self._heard[trial_id] = _Heard(time.monotonic(), start_s, started=False)
        trial = self.history.trials[segment.trial]
        suggestion = trial.suggestion
        return {
            **self._common,
            "trial": segment.trial,
            "config": dict(suggestion.config),
            "seed": suggestion.seed,
            "first_epoch": segment.first_epoch,
            "last_epoch": segment.last_epoch,
            "start_s": start_s,
            "timeout_s": timeout_s,
            "curve": json.dumps([dict(epoch.metrics) for epoch in trial.epochs]),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        segment = self._segments.get(trial_id)
        if segment is None:
            return
        self.hear(trial_id)
        try:
            self._record_result(segment, result)
        except RecordError as error:
            self._ending.ask("failed", str(error), grace_s=0)

    def hear(self, trial_id: str) -> None:
        """The segment is alive, or has no process yet that could be."""
        if trial_id in self._heard:
            self._heard[trial_id].at = time.monotonic()

    def on_start(self, trial_id: str) -> None:
        """The segment has a process."""
        if trial_id in self._heard:
            self._heard[trial_id] = _Heard(time.monotonic(), self._timeout_s(), started=True)

    def hangs(self, trial_id: str) -> bool:
        """Whether nothing was heard for so long that its process should have ended itself."""
        heard = self._heard.get(trial_id)
        spare_s = OWN_WATCHDOG_S + (PATIENCE_S if self._study.config.storage else 0.0)
        return heard is not None and heard.silent_for(spare_s)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if error:
            return  # `on_process_death` knows more, and comes next
        if result:
            self.on_trial_result(trial_id, result)
        self._segments.pop(trial_id, None)
        self._heard.pop(trial_id, None)

    def on_process_death(self, trial_id: str, why: str, machine_gone: bool = False) -> None:
        """The worker process under a segment is gone: retry from the checkpoint, within bounds."""
        segment = self._segments.pop(trial_id, None)
        if segment is None:
            return
        heard = self._heard.pop(trial_id)
        preempted = self._files.take_preemption_mark(segment.trial)
        try:
            if preempted:
                self._fail(segment, "its machine was taken away (SIGTERM)", counts=False)
            elif machine_gone or UNFIT in why:
                self._fail(segment, why, counts=False)
            elif heard.silent_for(0.0):
                what = "no epoch ended" if heard.started else "its process did not start"
                self._fail(segment, f"{what} in {heard.limit_s:.0f} s", final=heard.started)
            else:
                self._fail(segment, why)
        except RecordError as error:  # else the trial would be open for ever, and waited for
            self._ending.ask("failed", str(error), grace_s=0)
        if UNFIT in why:  # it would take, and spoil, every segment there is
            self._ending.ask("failed", why, grace_s=None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the record is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the record is the state."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher for snapshots that we do not use."""
        return {}

    def _next(self) -> Any:
        """A Segment, on record, or Searcher.FINISHED, or None."""
        config = self._study.config
        decision = asha.next_segment(
            self.history,
            self._rungs,
            reduction_factor=config.reduction_factor,
            scheduler=config.scheduler,
            trials=self.history.length,
            workers=self._capacity(),
        )
        if decision == "wait":
            return None
        if decision == "finished":
            return Searcher.FINISHED
        if decision == "suggest":
            return self._suggest(len(self.history.trials))
        self._append(decision)
        return decision

    def _timeout_s(self) -> float:
        """Of an epoch: as asked for, or ten times the median so far, at least 10 minutes."""
        asked = self._study.config.trial_timeout_s
        if asked is not None:
            return asked
        walls_s = self.history.epoch_walls_s
        return max(600.0, 10 * walls_s[len(walls_s) // 2]) if walls_s else 3600.0

    def _append(self, *events: Event) -> None:
        for at, event in self._record.append(self._study, *events):
            self.history.apply(at, event)

    def _suggest(self, number: int) -> Segment:
        suggestion = self._told.get(number) or self._decide(number)
        config = self._study.config
        target = asha.first_target(
            number,
            ladder=self._ladder,
            scheduler=config.scheduler,
            full_length=len(self._first),
        )
        segment = Segment(trial=number, attempt=0, first_epoch=1, last_epoch=target)
        self._append(suggestion, segment)
        return segment

    def _decide(self, number: int) -> Suggestion:
        config = self._study.config
        if number < len(self._first):
            source, values = self._first[number]
        else:
            source = config.sampler
            values = self._task.configure(
                {
                    **config.fixed,
                    **suggest(
                        number,
                        self._valued,
                        space=self._task.space,
                        fixed=config.fixed,
                        sampler=config.sampler,
                        seed=config.seed,
                    ),
                }
            )
        return Suggestion(
            trial=number, config=values, seed=derive(config.seed, "trial", number), source=source
        )

    def _record_result(self, segment: Segment, result: Mapping[str, Any]) -> None:
        if "halt" in result:
            self._ending.ask("failed", result["halt"], grace_s=0)
            return
        if "failure" in result:
            self._fail(segment, result["failure"], trace=result["traceback"], final=True)
            return
        trial = self.history.trials[segment.trial]
        epoch, metrics = result["epoch"], _nested(result, "metrics")
        if epoch <= trial.epoch:  # a replay: what is on record stands
            if dict(trial.epochs[epoch - 1].metrics) != metrics:
                log.warning("trial %d, epoch %d: a replay differs", segment.trial, epoch)
            return
        decision: Decision = "go on"
        if epoch == trial.target:
            decision = "complete" if epoch >= self._study.config.max_epochs else "pause"
        self._append(
            EpochEnd(
                trial=segment.trial,
                attempt=segment.attempt,
                epoch=epoch,
                metrics=metrics,
                cpu_s=result["cpu_s"],
                wall_s=result["wall_s"],
                reset_s=result["reset_s"],
                decision=decision,
            )
        )
        if decision == "complete":
            self._drop_checkpoint_beside(trial)

    def _drop_checkpoint_beside(self, complete: Trial) -> None:
        """Of the complete trials the best keep theirs; one more is complete now."""
        keep = self._study.config.keep_checkpoints
        among_best = self._complete.place(complete) < keep
        self._drop_checkpoints(self._complete.top(keep + 1)[keep:] if among_best else [complete])

    def _drop_checkpoints(self, trials: list[Trial]) -> None:
        self._files.drop_checkpoints({trial.number for trial in trials})

    def _fail(
        self,
        segment: Segment,
        reason: str,
        *,
        trace: str = "",
        counts: bool = True,
        final: bool = False,
    ) -> None:
        trial = self.history.trials[segment.trial]
        if trial.failed:
            return
        before = sum(failure.counts == counts for failure in trial.failures)
        most = ATTEMPTS if counts else DEPARTURES
        last = before + 1 >= most
        self._append(
            Failure(
                trial=segment.trial,
                attempt=trial.attempt,
                epoch=trial.epoch + 1,
                reason=_text(f"{reason}, {most} times" if last and not final else reason),
                traceback=_text(trace),
                counts=counts,
                final=final or last,
            )
        )
        if trial.failed:
            self._drop_checkpoints([trial])
        if self.history.only_failures() >= HOPELESS:
            self._ending.ask("failed", f"every trial fails: {reason}", grace_s=0)


def _text(said: str) -> str:
    """As any database keeps it."""
    return said.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def _nested(result: Mapping[str, Any], name: str) -> dict[str, float]:
    """Tune flattens results on their way to a searcher: {"metrics/loss": 1.0}."""
    prefix = f"{name}/"
    named = {key.removeprefix(prefix): v for key, v in result.items() if key.startswith(prefix)}
    return {sys.intern(key): value for key, value in named.items()}  # one string for all epochs
