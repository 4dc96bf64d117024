"""What segments report goes on record: epochs, failures, and what follows from either."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from search.decisions.giving_up import why_give_up
from search.decisions.history import Decision, EpochEnd, Event, Segment, Suggestion, Trial
from search.decisions.until import parse_until
from search.driver.attempts import Cause, failure
from search.driver.ending import GRACE_S, Ending
from search.errors import reason_of
from search.record.record import Record, Study
from search.reports.numbers import number_text
from search.reports.summary import complete_trials
from search.tasks.task import Task
from search.tasks.user_code import trace_of

__all__ = ["Recorder"]

log = logging.getLogger(__name__)


class Recorder:
    """Writes what happens to one study, and keeps its history in memory beside the record."""

    def __init__(self, record: Record, study: Study, task: Task, ending: Ending) -> None:
        self._record, self._study, self._ending = record, study, ending
        self._files = record.files(study)
        self.history = record.history(study)
        self._complete = complete_trials(self.history, study, task)
        self._task = task

    def append(self, *events: Event) -> None:
        """Raises RecordError."""
        for at, event in self._record.append(self._study, *events):
            self.history.apply(at, event)

    def result(self, segment: Segment, result: Mapping[str, Any]) -> None:
        """What trial.py reports of an epoch, flattened by Tune. Raises RecordError."""
        if "halt" in result:
            self._ending.request("failed", result["halt"], grace_s=0)
        elif "failure" in result:
            reason, trace, final = (result[k] for k in ("failure", "traceback", "final"))
            self.failure(segment, Cause(reason=reason, traceback=trace, final=final))
        else:
            self._epoch(segment, result)

    def _epoch(self, segment: Segment, result: Mapping[str, Any]) -> None:
        trial = self.history.trials[segment.trial]
        epoch, metrics = result["epoch"], _nested(result, "metrics")
        if epoch <= trial.epoch:  # a replay: what is on record stands
            if dict(trial.epochs[epoch - 1].metrics) != metrics:
                log.warning("trial %d, epoch %d: a replay differs", segment.trial, epoch)
            return
        decision: Decision = "go on"
        if epoch == trial.target:
            decision = "complete" if epoch >= self._study.config.max_epochs else "pause"
        self.append(
            EpochEnd(
                trial=segment.trial,
                attempt=segment.attempt,
                epoch=epoch,
                metrics=metrics,
                cpu_s=result["cpu_s"],
                wall_s=result["wall_s"],
                reset_s=result["reset_s"],
                decision=decision,
                usage=_nested(result, "usage"),
            )
        )
        if decision == "complete":
            self._drop_a_checkpoint(trial)
            self._end_if_reached(trial)

    def _end_if_reached(self, trial: Trial) -> None:
        config, task = self._study.config, self._task
        # A promotion's trials were chosen for what they have reached.
        if not config.until or config.phase != "search":
            return
        until = parse_until(config.until, metric=task.metric, mode=task.mode)
        value = trial.value(task.metric)
        if until.reached(value):
            has = f"{task.metric} {number_text(value)}"
            why = f"trial {trial.number} has {has}, as was asked for ({until})"
            self._ending.request("stopped", why, GRACE_S)

    def _drop_a_checkpoint(self, complete: Trial) -> None:
        """Of the complete trials the best keep theirs; one more is complete now."""
        keep = self._study.config.keep_checkpoints
        among_best = self._complete.rank(complete) < keep
        self._drop_checkpoints(self._complete.top(keep + 1)[keep:] if among_best else [complete])

    def _drop_checkpoints(self, trials: list[Trial]) -> None:
        self._files.delete_checkpoints({trial.number for trial in trials})

    def refused(self, suggestion: Suggestion, error: BaseException) -> None:
        """A trial that failed before it began, as its space or its configuration raised `error`.
        Raises RecordError."""
        cause = Cause(reason=reason_of(error), traceback=trace_of(error), final=True)
        self.append(suggestion, failure(Trial(suggestion), cause))
        self._end_if_hopeless()

    def failure(self, segment: Segment, cause: Cause) -> None:
        """An attempt failed; the trial, if it was the last. Raises RecordError."""
        trial = self.history.trials[segment.trial]
        if trial.failed:
            return
        self.append(failure(trial, cause))
        if trial.failed:
            self._drop_checkpoints([trial])
        self._end_if_hopeless()

    def _end_if_hopeless(self) -> None:
        if why := why_give_up(self.history):
            self._ending.request("failed", why, grace_s=0)


def _nested(result: Mapping[str, Any], name: str) -> dict[str, float]:
    """Tune flattens results on their way to a searcher: {"metrics/loss": 1.0}."""
    prefix = f"{name}/"
    named = {key.removeprefix(prefix): v for key, v in result.items() if key.startswith(prefix)}
    # One string for all epochs.
    return {sys.intern(key): value for key, value in named.items()}
