"""Both rules in any order of arrival, held against the same decision made by the book."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from search.decisions import asha, plan
from search.decisions.history import Segment, Trial
from tests.search.studies import (
    epoch,
    failure,
    history,
    segment,
    session,
    suggestion,
)


def _score(trial: Trial, at: int) -> float:
    return trial.value("score", at)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    trials=st.integers(1, 40),
    workers=st.integers(1, 5),
    factor=st.integers(2, 4),
    full_length=st.integers(0, 2),
    faults=st.sampled_from([0.0, 0.0, 0.1, 0.4]),
    scheduler=st.sampled_from(["asha", "asha-published"]),
    levels=st.sampled_from([3, 1000]),  # few different scores: many ties
)
def test_invariants_in_any_order_of_arrival(
    seed, trials, workers, factor, full_length, faults, scheduler, levels
):
    ladder = plan.rungs(1, 2 * factor**2, factor)
    study = _Simulation(
        seed=seed,
        trials=trials,
        workers=workers,
        ladder=ladder,
        factor=factor,
        full_length=full_length,
        faults=faults,
        scheduler=scheduler,
        levels=levels,
    )

    study.run()

    epochs = sum(trial.epoch for trial in study.history.trials)
    most = plan.most_epochs(trials, min(full_length, trials), ladder, factor, scheduler)
    assert len(study.history.trials) == trials
    assert not study.history.open_trials()
    assert epochs <= most
    if scheduler == "asha" and not faults:
        assert epochs == most
    for trial in study.history.trials[:full_length]:
        assert trial.failed or trial.epoch == ladder[-1]


class _Simulation:
    """A study without processes: epochs of open trials end, and fail, in random order."""

    def __init__(self, *, seed, trials, workers, ladder, factor, full_length, faults, scheduler,
                 levels):  # fmt: skip
        self.random = random.Random(seed)
        self.trials, self.workers, self.faults, self.levels = trials, workers, faults, levels
        self.ladder, self.factor = ladder, factor
        self.full_length, self.scheduler = full_length, scheduler
        self.history = history([session("started", trials)])
        self.rungs = asha.rungs_of(
            self.history, ladder=ladder, full_length=full_length, value=_score
        )
        self.now = 200.0

    def run(self) -> None:
        while True:
            answer = self._ask()
            if answer == "finished":
                return
            if answer == "suggest":
                self._start(len(self.history.trials))
            elif isinstance(answer, Segment):
                self._check(answer)
                self._apply(answer)
            else:
                assert self.history.open_trials(), "waits for nothing"
                self._work()
            assert len(self.history.open_trials()) <= self.workers
            self._check_room()
            if self.random.random() < 0.3 and self.history.open_trials():
                self._work()
            if self.faults and self.random.random() < 0.02:  # the driver is killed, and resumed
                self._apply(session("started", self.trials))

    def _ask(self):
        answer = asha.next_segment(
            self.history,
            self.rungs,
            reduction_factor=self.factor,
            scheduler=self.scheduler,
            trials=self.trials,
            workers=self.workers,
        )
        assert answer == _by_the_book(self)
        return answer

    def _start(self, number: int) -> None:
        target = asha.first_target(
            number, ladder=self.ladder, scheduler=self.scheduler, full_length=self.full_length
        )
        self._apply(suggestion(number))
        self._apply(segment(number, 1, target))

    def _work(self) -> None:
        trial = self.random.choice(self.history.open_trials())
        if self.random.random() < self.faults:
            final = self.random.random() < 0.7
            self._apply(failure(trial.number, trial.epoch + 1, attempt=trial.attempt, final=final))
        else:
            score = self.random.randrange(self.levels) / self.levels
            self._apply(epoch(trial.number, trial.epoch + 1, score))

    def _apply(self, event) -> None:
        self.now += 1
        self.history.apply(self.now, event)

    def _check(self, given: Segment) -> None:
        """The segment goes on where its trial stands; one that leaves a rung is the best there."""
        trial = self.history.trials[given.trial]
        assert not trial.failed
        assert not trial.open
        assert given.first_epoch == trial.epoch + 1 <= given.last_epoch
        waiting = [t for t in self.history.trials if t.unfinished and not t.open]
        if waiting:
            assert given.trial == waiting[0].number
            assert given.last_epoch == trial.target
            return
        rung = trial.epoch
        assert given.last_epoch == self.ladder[self.ladder.index(rung) + 1]
        paused = [t for t in self._drawn() if t.epoch == t.target == rung and not t.failed]
        best = min(paused, key=lambda t: (-t.value("score", rung), t.number))
        assert trial is best

    def _check_room(self) -> None:
        for rung in self.ladder[:-1]:
            reached = [t for t in self._drawn() if t.epoch >= rung]
            left = [t for t in reached if t.target > rung]
            if self.scheduler == "asha":
                assert len(left) <= len(reached) // self.factor

    def _drawn(self) -> list[Trial]:
        return self.history.trials[self.full_length :]


def _by_the_book(study: _Simulation) -> asha.Next:
    """The same decision by looking at every trial, as the paper has it."""
    trials, factor = study.history.trials, study.factor
    open_now = sum(trial.open for trial in trials)
    if open_now >= study.workers:
        return "wait"
    for trial in trials:
        if trial.unfinished and not trial.open:
            return _segment_to(trial, trial.target)
    drawn = trials[study.full_length :]
    for rung, above in reversed(list(itertools.pairwise(study.ladder))):
        recorded = [t for t in drawn if t.epoch >= rung]
        ranked = sorted(recorded, key=lambda t: (-_score(t, rung), t.number))
        paused = [t for t in ranked if t.epoch == t.target == rung and not t.failed]
        room = len(recorded) // factor
        if study.scheduler == "asha":
            room -= sum(t.target > rung for t in recorded)
            ranked = paused
        for trial in ranked[: max(room, 0)]:
            if trial in paused:
                return _segment_to(trial, above)
    if len(trials) < study.trials:
        return "suggest"
    return "wait" if open_now else "finished"


def _segment_to(trial: Trial, last: int) -> Segment:
    return segment(trial.number, trial.epoch + 1, last, attempt=trial.attempt)
