"""Trials of a history in the order of their worth, at a cost that does not grow with the study."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from search.decisions.history import History, Trial

__all__ = ["Ranking"]


class Ranking:
    """The trials that `counts` lets in, best first: by `value`, larger is better, then by number.

    A function of the history: sorting its trials gives the same. Only the trials that
    have had an event since the last look are sorted anew.
    """

    def __init__(
        self,
        history: History,
        *,
        counts: Callable[[Trial], bool],
        value: Callable[[Trial], float],
    ) -> None:
        self.history, self.value = history, value
        self._counts = counts
        self._seen = 0  # of history.event_trials
        self._keys: dict[int, tuple[float, int]] = {}  # by trial
        self._sorted: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._now())

    def best(self) -> Trial | None:
        return next(iter(self.top(1)), None)

    def top(self, n: int) -> list[Trial]:
        """The `n` best, or fewer."""
        return [self.history.trials[number] for _, number in self._now()[:n]]

    def rank(self, trial: Trial) -> int:
        """0 for the best: how many are ahead of `trial`, which must be one that counts."""
        ranked = self._now()
        return bisect.bisect_left(ranked, self._keys[trial.number])

    def _now(self) -> list[tuple[float, int]]:
        event_trials = self.history.event_trials
        for number in set(event_trials[self._seen :]):
            self._sort(self.history.trials[number])
        self._seen = len(event_trials)
        return self._sorted

    def _sort(self, trial: Trial) -> None:
        key = (-self.value(trial), trial.number) if self._counts(trial) else None
        old = self._keys.pop(trial.number, None)
        if old is not None and old != key:
            del self._sorted[bisect.bisect_left(self._sorted, old)]
        if key is not None:
            self._keys[trial.number] = key
            if old != key:
                bisect.insort(self._sorted, key)
