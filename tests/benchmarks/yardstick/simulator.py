"""A study on workers whose clock is virtual: who trains what is asked of a method, epoch by epoch.

    problem (curves, seconds) → simulate(method) → Trace

No process, no Ray and no training; nothing but the curves' seconds moves the clock.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tests.benchmarks.yardstick.curves import Curve, Problem

__all__ = ["Method", "Trace", "Work", "simulate"]


@dataclass(frozen=True)
class Work:
    """A worker is to train a trial from `first_epoch` on."""

    trial: int
    config: Mapping[str, Any]
    first_epoch: int


class Method(Protocol):
    """What proposes and allocates: ours, or a peer."""

    def next_work(self, at: float) -> Work | None:
        """For a worker that is free; None: nothing, until something ends."""

    def on_epoch(self, at: float, trial: int, epoch: int, score: float, wall_s: float) -> bool:
        """Whether the worker goes on with the trial's next epoch."""

    def on_failure(self, at: float, trial: int, epoch: int) -> None:
        """The epoch's score was not finite; the worker is free."""


@dataclass
class Trace:
    """What was known after each epoch that was trained, in their order."""

    at_s: list[float] = field(default_factory=list)
    complete: list[float] = field(
        default_factory=list
    )  # regret of the best that is trained in full
    seen: list[float] = field(default_factory=list)  # of the best score at any epoch
    trials: int = 0
    decision_s: float = 0.0

    def epochs_to(self, regret: float) -> float:
        """How many until a complete trial is as good; inf: it never was."""
        reached = np.flatnonzero(np.array(self.complete) <= regret + 1e-12)
        return float(reached[0] + 1) if len(reached) else math.inf

    def seconds_to(self, regret: float) -> float:
        epochs = self.epochs_to(regret)
        return self.at_s[int(epochs) - 1] if math.isfinite(epochs) else math.inf

    def after(self, epochs: float, *, seen: bool = False) -> float:
        """The regret after so many."""
        values = self.seen if seen else self.complete
        return values[min(int(epochs), len(values)) - 1] if epochs >= 1 and values else 1.0

    def at(self, seconds: float) -> float:
        """The regret at that time."""
        return self.after(float(np.searchsorted(self.at_s, seconds, side="right")))


def simulate(
    problem: Problem, method: Method, *, workers: int, epochs: float, target: float = -1.0
) -> Trace:
    """Until nothing is left to do, or `epochs` are trained; beyond half of them, only until a
    complete trial has at most the regret `target`."""
    curve_of, curves = problem.new_study(), dict[int, Curve]()
    trace = Trace()
    queue: list[tuple[float, int, int, float]] = []  # when ended, trial, epoch, its seconds
    at, best, best_seen = 0.0, 1.0, 1.0

    def push(trial: int, epoch: int) -> None:
        wall_s = float(curves[trial].epoch_s[epoch - 1])
        heapq.heappush(queue, (at + wall_s, trial, epoch, wall_s))

    while len(trace.at_s) < epochs:
        while len(queue) < workers and (work := _asked(method, at, trace)) is not None:
            if work.trial not in curves:
                curves[work.trial] = curve_of(work.config)
            push(work.trial, work.first_epoch)
        if not queue or (len(trace.at_s) >= epochs / 2 and best <= target):
            break
        at, trial, epoch, wall_s = heapq.heappop(queue)
        score = float(curves[trial].scores[epoch - 1])
        finite = math.isfinite(score)
        if finite:
            best_seen = min(best_seen, problem.regret(score))
            if epoch == problem.max_epochs:
                best = min(best, problem.regret(score))
        trace.at_s.append(at)
        trace.complete.append(best)
        trace.seen.append(best_seen)
        if not finite:
            method.on_failure(at, trial, epoch)
        elif method.on_epoch(at, trial, epoch, score, wall_s) and epoch < problem.max_epochs:
            push(trial, epoch + 1)
    trace.trials = len(curves)
    return trace


def _asked(method: Method, at: float, trace: Trace) -> Work | None:
    began = time.process_time()
    work = method.next_work(at)
    trace.decision_s += time.process_time() - began
    return work
