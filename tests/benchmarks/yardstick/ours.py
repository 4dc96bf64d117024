"""The service's own decisions, as its driver takes them (search/driver/searcher.py).

The same functions on the same history; the record is left out, since it is durable and takes time,
and so is what a user's task may do. A test holds that a driver decides alike
(tests/benchmarks/test_yardstick.py).
"""

from __future__ import annotations

import math

import numpy as np

from search.decisions import asha
from search.decisions.history import (
    EpochEnd,
    Failure,
    History,
    Segment,
    Session,
    Suggestion,
    Trial,
)
from search.decisions.sampler import draw_at_random, rank_trials, suggest
from search.decisions.schedulers import Schedule
from search.tasks.config import StudyConfig
from tests.benchmarks.yardstick.curves import Problem
from tests.benchmarks.yardstick.simulator import Work
from trainables.seeding import derive

__all__ = ["Foresight", "Ours", "config_of"]

METRIC = "score"


def config_of(problem: Problem, **options: object) -> StudyConfig:
    """Of a study without named points."""
    return StudyConfig(
        name="yardstick",
        task="yardstick",
        dataset=problem.name,
        max_epochs=problem.max_epochs,
        baseline=False,
        **options,  # type: ignore[arg-type]
    )


class Ours:
    """A study of ours (simulator.Method)."""

    def __init__(self, problem: Problem, config: StudyConfig, extended: int = 0) -> None:
        """`extended`: once it is finished it goes on to so many trials."""
        self._problem, self._config, self._extended = problem, config, extended
        self.history = History()
        self.history.apply(0.0, Session(event="started", trials=config.trials))
        self._schedule = Schedule(self.history, config, full_length=0, value=_value)
        self._valued = rank_trials(self.history, _value)

    def next_work(self, at: float) -> Work | None:
        history = self.history
        decision = self._next_segment()
        if decision == "finished" and history.length < self._extended:
            history.apply(at, Session(event="started", trials=self._extended))
            decision = self._next_segment()
        if decision == "suggest":
            number = len(history.trials)
            history.apply(at, self._suggestion(number))
            decision = self._schedule.first_segment(number)
        if not isinstance(decision, Segment):
            return None
        history.apply(at, decision)
        trial = history.trials[decision.trial]
        return Work(decision.trial, trial.suggestion.config, decision.first_epoch)

    def _next_segment(self) -> asha.Next:
        return self._schedule.next(trials=self.history.length, workers=self._config.workers)

    def _suggestion(self, number: int) -> Suggestion:
        config = self._config
        drawn = suggest(
            number,
            self._valued,
            space=self._problem.space,
            fixed=config.fixed,
            sampler=config.sampler,
            seed=config.seed,
        )
        seed = derive(config.seed, "trial", number)
        return Suggestion(trial=number, config=drawn, seed=seed, source=config.sampler)

    def on_epoch(self, at: float, trial: int, epoch: int, score: float, wall_s: float) -> bool:
        self.history.apply(
            at,
            EpochEnd(
                trial=trial,
                attempt=0,
                epoch=epoch,
                metrics={METRIC: score},
                cpu_s=wall_s,
                wall_s=wall_s,
                reset_s=0.0,
                decision="go on",
            ),
        )
        return epoch < self.history.trials[trial].target

    def on_failure(self, at: float, trial: int, epoch: int) -> None:
        failed = Failure(
            trial=trial, attempt=0, epoch=epoch, reason="not finite", traceback="", final=True
        )
        self.history.apply(at, failed)


class Foresight:
    """What perfect extrapolation of curves would bring (simulator.Method).

    The random configurations of a study of ours, an epoch each: that tells how it ends. Those that
    beat all that are complete go on to the end at once, the others never.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed = problem, seed
        self._curve_of = problem.new_study()
        self._begun = 0
        self._best = -math.inf
        self._chosen: set[int] = set()

    def next_work(self, at: float) -> Work | None:
        number = self._begun
        self._begun += 1
        config = draw_at_random(number, space=self._problem.space, fixed={}, seed=self._seed)
        scores = self._curve_of(config).scores
        if np.isfinite(scores).all() and scores[-1] > self._best:
            self._best = scores[-1]
            self._chosen.add(number)
        return Work(number, config, 1)

    def on_epoch(self, at: float, trial: int, epoch: int, score: float, wall_s: float) -> bool:
        return trial in self._chosen

    def on_failure(self, at: float, trial: int, epoch: int) -> None:
        """Nothing follows."""


def _value(trial: Trial, epoch: int | None = None) -> float:
    return trial.value(METRIC, epoch)
