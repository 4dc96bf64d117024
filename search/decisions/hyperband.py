"""Hyperband's brackets, each under rate-limited ASHA, without waiting for a bracket to fill. Pure.

Li et al. 2018 (Hyperband, JMLR 18-185, Algorithm 1), looped through as in Li et al. 2020
(arXiv:1810.05934): a bracket begins at one of the rungs, and a cycle holds ⌈(s_max + 1) / (s + 1) ·
ηˢ⌉ trials of the one with s rungs above its first, the widest first (`plan.brackets`). Trials are
compared within their bracket, those of all cycles together (asha.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from search.decisions import asha, plan
from search.decisions.history import History, Segment, Trial
from search.tasks.config import StudyConfig

__all__ = ["Hyperband"]


class Hyperband:
    """A rule of schedulers.py."""

    def __init__(
        self,
        history: History,
        config: StudyConfig,
        full_length: int,
        value: Callable[[Trial, int], float],
    ) -> None:
        self._history, self._config, self._full_length = history, config, full_length
        self._ladder = plan.ladder_of(config)
        self._cycle = plan.brackets(self._ladder, config.reduction_factor)
        self._brackets = [
            asha.rungs_of(
                history,
                ladder=self._ladder[first:],
                full_length=full_length,
                value=value,
                among=lambda trial, first=first: self._first_rung(trial.number) == first,  # type: ignore[misc]
            )
            for first in range(len(self._ladder))
        ]
        rungs = itertools.chain.from_iterable(self._brackets)
        self._rungs = sorted(rungs, key=lambda rung: rung.epoch)

    def next(self, *, trials: int, workers: int) -> asha.Next:
        return asha.next_of(
            self._history,
            self._rungs,
            promotions=self._promotions(),
            trials=trials,
            workers=workers,
        )

    def first_target(self, number: int) -> int:
        if number < self._full_length:
            return self._ladder[-1]
        return self._ladder[self._first_rung(number)]

    def _first_rung(self, number: int) -> int:
        return self._cycle[(number - self._full_length) % len(self._cycle)]

    def _promotions(self) -> Iterator[Segment | None]:
        """The highest rungs first, of these the widest bracket's."""
        steps = [step for rungs in self._brackets for step in itertools.pairwise(rungs)]
        for rung, above in sorted(steps, key=lambda step: -step[0].epoch):
            yield asha.promotion(rung, above, self._config.reduction_factor, "hyperband")
