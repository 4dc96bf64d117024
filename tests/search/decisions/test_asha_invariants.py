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
    faults=st.sampled_from([0.0, 0.0, 0.1, 0.4, 0.8]),
    scheduler=st.sampled_from(["asha", "asha-published"]),
    levels=st.sampled_from([3, 1000]),  # few different scores: many ties
    more=st.sampled_from([0, 0, 1, 20]),  # trials by which it is extended
)
def test_invariants_in_any_order_of_arrival(
    seed, trials, workers, factor, full_length, faults, scheduler, levels, more
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

    _check_ended(study)
    for trial in study.history.trials[:full_length]:
        assert trial.failed or trial.epoch == ladder[-1]
    study.trials += more
    study.run()
    _check_ended(study, extended=more > 0)


def _check_ended(study: _Simulation, extended: bool = False) -> None:
    trials, ladder = study.history.trials, study.ladder
    baselines = min(study.full_length, study.trials)
    most = plan.most_epochs(study.trials, baselines, ladder, study.factor, study.scheduler)
    lost = plan.lost_epochs(study.history, baselines, ladder)
    epochs = sum(trial.epoch for trial in trials)
    assert len(trials) == study.trials
    assert not study.history.open_trials()
    assert epochs <= most + (lost if study.scheduler == "asha" else 0)
    if study.scheduler == "asha" and not study.faults and not extended:
        assert epochs == most
    # A winner, unless every trial has failed.
    assert any(t.epoch == ladder[-1] and not t.failed for t in trials) or all(
        trial.failed for trial in trials
    )


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
        self.last_hopes: set[int] = set()
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
        if _by_place(self) is None:
            self.last_hopes.add(trial.number)
            assert given.last_epoch == self.ladder[-1]
        else:
            assert given.last_epoch == self.ladder[self.ladder.index(rung) + 1]
        paused = [t for t in self._drawn() if t.epoch == t.target == rung and not t.failed]
        best = min(paused, key=lambda t: (-t.value("score", rung), t.number))
        assert trial is best

    def _check_room(self) -> None:
        """A last hope has no place, and takes none from others."""
        for rung, above in itertools.pairwise(self.ladder):
            reached = [t for t in self._drawn() if t.epoch >= rung]
            left = [t for t in reached if t.target > rung and t.number not in self.last_hopes]
            if self.scheduler == "asha":
                placed = [t for t in left if not _failed_before(t, above)]
                assert len(placed) <= len(reached) // self.factor

    def _drawn(self) -> list[Trial]:
        return self.history.trials[self.full_length :]


def _by_the_book(study: _Simulation) -> asha.Next:
    """The same decision by looking at every trial, as the paper has it."""
    trials = study.history.trials
    open_now = sum(trial.open for trial in trials)
    if open_now >= study.workers:
        return "wait"
    for trial in trials:
        if trial.unfinished and not trial.open:
            return _segment_to(trial, trial.target)
    by_place = _by_place(study)
    if by_place is not None:
        return by_place
    if len(trials) < study.trials:
        return "suggest"
    if open_now:
        return "wait"
    last = study.ladder[-1]
    if not any(t.epoch == last and not t.failed for t in trials):
        paused = [t for t in trials[study.full_length :] if not t.failed]
        if paused:
            top = max(t.epoch for t in paused)
            at_top = [t for t in paused if t.epoch == top]
            return _segment_to(min(at_top, key=lambda t: (-_score(t, top), t.number)), last)
    return "finished"


def _by_place(study: _Simulation) -> Segment | None:
    """Who goes on to the next rung, as in the paper; one that failed on its way has no place."""
    drawn = study.history.trials[study.full_length :]
    for rung, above in reversed(list(itertools.pairwise(study.ladder))):
        recorded = [t for t in drawn if t.epoch >= rung]
        standing = [t for t in recorded if not _failed_before(t, above)]
        ranked = sorted(standing, key=lambda t: (-_score(t, rung), t.number))
        paused = [t for t in ranked if t.epoch == t.target == rung]
        room = len(recorded) // study.factor
        if study.scheduler == "asha":
            room -= sum(t.target > rung for t in standing)
            ranked = paused
        for trial in ranked[: max(room, 0)]:
            if trial in paused and not trial.failed:
                return _segment_to(trial, above)
    return None


def _failed_before(trial: Trial, above: int) -> bool:
    return trial.failed and trial.epoch < above


def _segment_to(trial: Trial, last: int) -> Segment:
    return segment(trial.number, trial.epoch + 1, last, attempt=trial.attempt)
