"""The time that a running study has left, kept up to date at a bounded cost."""

from __future__ import annotations

import time
from collections import deque
from random import Random

from search.decisions.history import History
from search.decisions.remaining import Remaining, interval_of, sample
from search.record.record import Study
from search.tasks.task import Task

__all__ = ["TimeLeft", "clock", "time_left_text"]

# Samples that an estimate stands on, and the fewest.
SAMPLES, FEWEST = 40, 6
# Of a core's time: what samples may take, and what they may take at the beginning, in s.
SHARE, AT_ONCE_S = 0.005, 0.25


class TimeLeft:
    """An estimate from the latest samples (search/decisions/remaining.py), each an end of the
    study as it looked when it was drawn."""

    def __init__(self, history: History, study: Study, task: Task, full_length: int) -> None:
        self._history, self._config, self._task = history, study.config, task
        self._full_length = full_length
        self._random = Random(study.config.seed)
        self._ends: deque[float] = deque(maxlen=SAMPLES)
        self._began: float | None = None
        self._spent_s = 0.0

    def update(self, now: float) -> None:
        """Draw as many samples as the budget allows. `now`: Unix time in s."""
        if not self._history.trained:
            return
        self._began = now if self._began is None else self._began
        budget_s = AT_ONCE_S + SHARE * (now - self._began)
        for _ in range(SAMPLES):
            if self._spent_s >= budget_s and len(self._ends) >= FEWEST:
                return
            before = time.thread_time()
            self._ends.append(now + self._sample(now))
            self._spent_s += time.thread_time() - before

    def _sample(self, now: float) -> float:
        return sample(
            self._history,
            self._config,
            self._full_length,
            self._task.metric,
            self._task.sign,
            now,
            self._random,
        )

    def interval(self, now: float) -> Remaining | None:
        """None: unknown."""
        return interval_of([max(end - now, 0.0) for end in self._ends])


def time_left_text(left: Remaining | None) -> str:
    """As "2:05 left (1:50 to 2:30)"."""
    if left is None:
        return "time left unknown"
    low, median, high = map(clock, (left.low_s, left.median_s, left.high_s))
    return f"{median} left ({low} to {high})"


def clock(seconds: float) -> str:
    """As 2:05, or 1:02:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
