"""The one decision point: a Ray Tune Searcher that answers "what next?" from the record.

Tune asks `suggest` when a worker is free and gets the next segment. What a segment reports goes on
record before anything else is decided on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ray.tune.search import Searcher

from search.decisions import asha
from search.decisions.gain import NoGain, no_gain
from search.decisions.history import Given, Segment, Suggestion, Trial
from search.decisions.sampler import RefusedDrawError, rank_trials
from search.decisions.schedulers import Schedule
from search.driver.attempts import (
    Silence,
    cause_of_death,
    epoch_limit_s,
    start_limit_s,
)
from search.driver.ending import Ending
from search.driver.last_words import Logs, true_cause
from search.driver.proposals import Proposals
from search.driver.recorder import Recorder
from search.errors import RecordError, UserError, first_line
from search.machines.node_check import UNFIT
from search.record.record import Record, Study
from search.tasks.task import Task

__all__ = ["StudySearcher"]

# A trial had failed before it began: another decision is needed.
_REFUSED = object()


class StudySearcher(Searcher):  # type: ignore[misc]
    """Decides from, and writes to, one study's record."""

    def __init__(
        self,
        record: Record,
        study: Study,
        task: Task,
        ending: Ending,
        common: Mapping[str, Any],
        given: Given | None = None,
        capacity: Callable[[], int] | None = None,
    ) -> None:
        """`common`: what every segment's Tune configuration holds beside the segment.
        `given`: asked for trials in the sampler's place, as of a promotion.
        `capacity`: how many trials may be open now; by default as many as there are workers."""
        super().__init__()
        self._record = record
        self._study = study
        self._task = task
        self._files = record.files(study)
        self._logs = Logs(self._files.folder)
        self._common = dict(common)
        self._recorder = Recorder(record, study, task, ending)
        self.history = self._recorder.history
        self._ending = ending
        self.finished = False  # there is nothing left to do
        self._segments: dict[str, Segment] = {}  # by Tune trial, those in a worker's hands
        self._silences: dict[str, Silence] = {}  # of each of those
        self._pending: Segment | None = None  # decided while the record does not answer
        config = study.config
        self._first_trials = task.first_trials(config)
        self._capacity = capacity or (lambda: config.workers)
        self._schedule = Schedule(
            self.history, config, full_length=len(self._first_trials), value=self.value
        )
        valued = rank_trials(self.history, self.value)
        self._proposals = Proposals(study, task, self._first_trials, valued)
        self._gain = NoGain(
            self.history,
            full_length=len(self._first_trials),
            first_epoch=config.min_epochs,
            max_epochs=config.max_epochs,
            value=self.value,
        )
        self.ended_because = ""  # why there are fewer trials than there were to be
        self._given = given
        self._suggestions: dict[int, Suggestion] = {}  # given, and perhaps not begun

    def value(self, trial: Trial, epoch: int | None = None) -> float:
        """The objective, larger is better."""
        return trial.value(self._task.metric, epoch) * self._task.sign

    def suggest(self, trial_id: str) -> Any:
        """The next segment for the free worker, or FINISHED, or None: Tune asks again.

        While the record does not answer there is none, so that what waits in memory is at most the
        rest of the segments that were running: an epoch each for every worker and epoch to go.
        """
        answer = self._answer(trial_id)
        self.finished = answer == Searcher.FINISHED
        return answer

    def _answer(self, trial_id: str) -> Any:
        if self._ending.early:
            return None if self._segments else Searcher.FINISHED
        try:
            if not self._record.flush():
                return None
            segment, self._pending = self._pending or self._next_segment(), None
            while segment is _REFUSED:
                self._ending.poll()
                if self._ending.early:
                    return None if self._segments else Searcher.FINISHED
                segment = self._next_segment()
            if isinstance(segment, Segment) and not self._record.flush():
                self._pending = segment  # no worker has what is not on record
                return None
        except (RecordError, UserError) as error:
            # The record's, or of what a user's own sampler or scheduler has done.
            self._ending.request("failed", first_line(error), grace_s=0)
            return None
        if not isinstance(segment, Segment):
            return segment
        start_s = start_limit_s(self._study.config, self.history)
        self._segments[trial_id] = segment
        self._silences[trial_id] = Silence(start_s, started=False)
        self._logs.begin(segment.trial)
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
            "timeout_s": epoch_limit_s(self._study.config, self.history),
            "curve": json.dumps([dict(epoch.metrics) for epoch in trial.epochs]),
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        segment = self._segments.get(trial_id)
        if segment is None:
            return
        self.on_sign_of_life(trial_id)
        try:
            self._recorder.result(segment, result)
        except RecordError as error:
            self._ending.request("failed", str(error), grace_s=0)

    def on_sign_of_life(self, trial_id: str) -> None:
        """The segment is alive, or has no process yet that could be."""
        if trial_id in self._silences:
            self._silences[trial_id].restart()

    def on_start(self, trial_id: str) -> None:
        """The segment has a process."""
        if trial_id in self._silences:
            limit_s = epoch_limit_s(self._study.config, self.history)
            self._silences[trial_id] = Silence(limit_s, started=True)

    def hangs(self, trial_id: str) -> bool:
        """Whether it has been silent for so long that its process should have ended itself."""
        silence = self._silences.get(trial_id)
        return silence is not None and silence.hangs(self._study.config)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if error:
            return  # `on_process_death` knows more, and comes next
        if result:
            self.on_trial_result(trial_id, result)
        self._segments.pop(trial_id, None)
        self._silences.pop(trial_id, None)

    def on_process_death(self, trial_id: str, why: str, machine_gone: bool = False) -> None:
        """The worker process under a segment is gone: retry from the checkpoint, within bounds."""
        segment = self._segments.pop(trial_id, None)
        if segment is None:
            return
        cause = cause_of_death(
            why,
            self._silences.pop(trial_id),
            preempted=self._files.take_preemption_mark(segment.trial),
            machine_gone=machine_gone,
        )
        cause = true_cause(cause, self._logs.since(segment.trial))
        try:
            self._recorder.failure(segment, cause)
        except RecordError as error:  # else the trial would be open for ever, and waited for
            self._ending.request("failed", str(error), grace_s=0)
        if UNFIT in why:  # it would take, and spoil, every segment there is
            self._ending.request("failed", why, grace_s=None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the record is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the record is the state."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher for snapshots that we do not use."""
        return {}

    def _next_segment(self) -> Any:
        """A Segment, on record, or Searcher.FINISHED, or None, or _REFUSED."""
        decision = self._decide(self._length())
        if decision == "suggest":
            self.ended_because = self._why_enough()
            if self.ended_because:
                decision = self._decide(len(self.history.trials))
        if decision == "wait":
            return None
        if decision == "finished":
            self.ended_because = self.ended_because or self._why_fewer()
            return Searcher.FINISHED
        if decision == "suggest":
            return self._new_trial(len(self.history.trials))
        self._recorder.append(decision)
        return decision

    def _decide(self, trials: int) -> asha.Next:
        return self._schedule.next(trials=trials, workers=self._capacity())

    def _why_enough(self) -> str:
        """Why no further trial is to begin, by the history alone; "": one is."""
        if not self._study.config.stop_when_no_gain or self._given is not None:
            return ""
        return no_gain(self._gain.gain())

    def _why_fewer(self) -> str:
        """Why there are fewer trials than there were to be; "": there are as many."""
        config = self._study.config
        if self._given is not None or len(self.history.trials) >= self.history.length:
            return ""
        if config.budget_epochs:
            return f"the budget of {config.budget_epochs} epochs is given out"
        return f"{config.scheduler} trains no further trial"

    def _length(self) -> int:
        """How many trials there are to be. Whoever gives them is asked for more once all that were
        given have ended."""
        if self._given is None:
            return self.history.length
        begun = len(self.history.trials)
        if begun not in self._suggestions and not self.history.unfinished:
            self._suggestions |= {each.trial: each for each in self._given(self.history)}
        return max(begun, 1 + max(self._suggestions, default=-1))

    def _new_trial(self, number: int) -> Any:
        """Its first segment; or _REFUSED, if its space or configuration raises."""
        try:
            suggestion = self._suggestions.get(number) or self._proposals.draw(number)
        except RefusedDrawError as refused:
            self._refuse(number, refused)
            return _REFUSED
        segment = self._schedule.first_segment(number)
        self._recorder.append(suggestion, segment)
        return segment

    def _refuse(self, number: int, refused: RefusedDrawError) -> None:
        """The trial has failed before it began. Raises RecordError, and a user's own Ctrl-C."""
        error = refused.__cause__
        assert error is not None
        if isinstance(error, KeyboardInterrupt) and self._ending.early:
            raise error
        self._recorder.refused(self._proposals.refused(number, refused), error)
