"""A study as it would have gone on some workers: recorded curves and epoch times, real decisions.

The curves and times are those of tests/benchmarks/curves, the decisions search/decisions/asha.py.
The proposals stand for a sampler's: at random at first, then more and more from the best third of
the pool, which costs something else than the average, and beyond it: TPE came to propose, in three
real studies of sts (64 trials), what took 1.3 to 1.9 times as long an epoch as its first ten. Each
study has a pool of its own (drawn with repetition), such a drift, a load of its machine that
wanders, and resets and hand-overs between segments.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from search.decisions import asha, plan
from search.decisions.history import EpochEnd, Event, Failure, History, Segment, Suggestion
from search.tasks.config import StudyConfig
from tests.benchmarks.epoch_times import epoch_times
from tests.search.studies import session

__all__ = ["METRIC", "NAMED", "RESET_S", "Pool", "pool_of", "timed_replay"]

METRIC = "score"
WAYS = {"sts": "last", "cnn": "averaged"}
NAMED = 2
RANDOM_TRIALS = 10
# Deviations of logarithms: of an epoch, and of the load of the machine, which wanders.
EPOCH_SD, LOAD_SD, LOAD_STEP = 0.04, 0.08, 0.02
# Of what a sampler that has learnt proposes, over the same at random: mean and deviation of the
# logarithm. cnn's was not measured; its pool's best third costs 1.14 times the average.
DRIFTS = {"sts": (0.4, 0.2), "cnn": (0.0, 0.1)}
START_S, RESET_S, HAND_OVER_S = 4.0, 0.3, 0.1


@dataclass(frozen=True)
class Pool:
    """Configurations with the score and the seconds of each epoch; the first are named points."""

    scores: list[list[float]]
    epoch_s: list[float]
    drift: tuple[float, float] = (0.0, 0.0)


def pool_of(task: str) -> Pool:
    """Imports torch."""
    from tests.benchmarks.learning_curves import file_of, read

    times = [float(np.mean(each)) for each in epoch_times(task)]
    scores = [curve.ways.get(WAYS[task], []) for curve in read(file_of(task))]
    return Pool(scores, times, DRIFTS[task])


def timed_replay(
    pool: Pool, config: StudyConfig, *, random: np.random.Generator, failing: float = 0.0
) -> list[tuple[float, Event]]:
    """Its events, each with its time in s, "finished" the last. `failing`: how many trials fail."""
    return _Replay(pool, config, random, failing).events


class _Replay:
    def __init__(
        self, pool: Pool, config: StudyConfig, random: np.random.Generator, failing: float
    ) -> None:
        self._pool, self._config, self._random, self._failing = pool, config, random, failing
        self._named = NAMED if config.baseline else 0
        self._ladder = plan.ladder_of(config)
        self.events: list[tuple[float, Event]] = []
        self._history = History()
        self._rungs = asha.rungs_of(
            self._history,
            ladder=self._ladder,
            full_length=self._named,
            value=lambda trial, epoch: trial.value(METRIC, epoch),
        )
        rest = np.arange(NAMED, len(pool.scores))
        self._drawn = random.choice(rest, len(rest))
        ends = [pool.scores[each][-1] for each in self._drawn]
        self._best = self._drawn[np.argsort(ends)[-(len(rest) // 3) :]]
        self._configurations: list[int] = []
        self._drift = random.normal(*pool.drift)
        self._costs: list[float] = []  # over the configuration's own, by trial
        self._load = 0.0
        self._queue: list[tuple[float, int, int, int, float]] = []
        self._run()

    def _run(self) -> None:
        at = 0.0
        self._apply(at, session("started", self._config.trials))
        while True:
            while (segment := self._next(at)) is not None:
                started = at + RESET_S + HAND_OVER_S + (START_S if at < START_S else 0.0)
                self._push(started, segment.trial, segment.first_epoch, segment.last_epoch)
            if not self._queue:
                break
            at = self._queue[0][0]
            self._end(*heapq.heappop(self._queue))
        self._apply(at, session("finished", self._config.trials))

    def _apply(self, at: float, event: Event) -> None:
        self._history.apply(at, event)
        self.events.append((at, event))

    def _next(self, at: float) -> Segment | None:
        config, history = self._config, self._history
        decision = asha.next_segment(
            history,
            self._rungs,
            reduction_factor=config.reduction_factor,
            scheduler=config.scheduler,
            trials=config.trials,
            workers=config.workers,
        )
        if decision == "suggest":
            number = len(history.trials)
            self._configurations.append(self._propose(number))
            source = ("report", "default")[number] if number < self._named else "tpe"
            self._apply(at, Suggestion(trial=number, config={}, seed=0, source=source))
            decision = asha.first_segment(
                number,
                ladder=self._ladder,
                scheduler=config.scheduler,
                full_length=self._named,
            )
        if not isinstance(decision, Segment):
            return None
        self._apply(at, decision)
        return decision

    def _propose(self, number: int) -> int:
        learnt = 1 - RANDOM_TRIALS / max(number - self._named, RANDOM_TRIALS)
        self._costs.append(math.exp(learnt * self._drift))
        if number < self._named:
            return number
        chosen = self._best if self._random.random() < 0.9 * learnt else self._drawn
        return int(self._random.choice(chosen))

    def _epoch_s(self, number: int) -> float:
        kept = math.exp(-0.5 * (LOAD_STEP / LOAD_SD) ** 2)
        self._load = kept * self._load + LOAD_STEP * self._random.standard_normal()
        noise = self._load + EPOCH_SD * self._random.standard_normal()
        usual_s = self._pool.epoch_s[self._configurations[number]]
        return usual_s * self._costs[number] * math.exp(noise)

    def _push(self, at: float, number: int, epoch: int, last: int) -> None:
        wall_s = self._epoch_s(number)
        heapq.heappush(self._queue, (at + wall_s, number, epoch, last, wall_s))

    def _end(self, at: float, number: int, epoch: int, last: int, wall_s: float) -> None:
        if epoch == 1 and number >= self._named and self._random.random() < self._failing:
            failed = Failure(
                trial=number, attempt=0, epoch=1, reason="NaN", traceback="", final=True
            )
            self._apply(at, failed)
            return
        score = self._pool.scores[self._configurations[number]][epoch - 1]
        quiet_s = wall_s / math.exp(self._load)
        self._apply(at, _epoch(number, epoch, score + self._noise(number), wall_s, quiet_s))
        if epoch < last:
            self._push(at, number, epoch + 1, last)

    def _noise(self, number: int) -> float:
        """That no two trials of one configuration are alike; the same at each of its epochs."""
        return 1e-3 * float(np.random.default_rng(number).standard_normal())


def _epoch(trial: int, number: int, score: float, wall_s: float, cpu_s: float) -> EpochEnd:
    return EpochEnd(
        trial=trial,
        attempt=0,
        epoch=number,
        metrics={METRIC: score},
        cpu_s=cpu_s,
        wall_s=wall_s,
        reset_s=RESET_S,
        decision="go on",
    )
