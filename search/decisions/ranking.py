"""Trials of a history in the order of their worth, at a cost that does not grow with the study."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from search.decisions.history import History, Trial

__all__ = ["Ranking"]


class Ranking:
    """The trials that `counts` lets in, best first: by `value`, larger is better, then by number.

    A function of the history: sorting its trials gives the same. Only the trials about which
    something was told since the last look are placed anew.
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
        self._seen = 0  # of history.told
        self._keys: dict[int, tuple[float, int]] = {}  # by trial
        self._sorted: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._now())

    def best(self) -> Trial | None:
        return next(iter(self.top(1)), None)

    def top(self, n: int) -> list[Trial]:
        """The `n` best, or fewer."""
        return [self.history.trials[number] for _, number in self._now()[:n]]

    def place(self, trial: Trial) -> int:
        """How many are ahead of a trial that counts."""
        ranked = self._now()
        return bisect.bisect_left(ranked, self._keys[trial.number])

    def _now(self) -> list[tuple[float, int]]:
        told = self.history.told
        for number in set(told[self._seen :]):
            self._put(self.history.trials[number])
        self._seen = len(told)
        return self._sorted

    def _put(self, trial: Trial) -> None:
        key = (-self.value(trial), trial.number) if self._counts(trial) else None
        old = self._keys.pop(trial.number, None)
        if old is not None and old != key:
            del self._sorted[bisect.bisect_left(self._sorted, old)]
        if key is not None:
            self._keys[trial.number] = key
            if old != key:
                bisect.insort(self._sorted, key)
