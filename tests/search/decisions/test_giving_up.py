"""A healthy study is never ended, whatever its size; a broken one soon. Simulated studies."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

import pytest

from search.decisions.giving_up import ALIKE_IN_A_ROW, ONLY_FAILURES, why_give_up
from search.decisions.history import History
from tests.search.studies import epoch, failure, history, scored, segment, session, suggestion

STUDIES = 40  # of each kind


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A study whose trials fail at their start, or are refused, with some chance."""

    workers: int
    trials: int
    bad: float  # share of the trials that fail in a moment
    refused: float = 0.0  # share of the draws that the space refuses
    epoch_s: float = 3600.0
    breaks_after: int | None = None  # from this trial on, all fail

    def play(self, seed: int) -> tuple[History, str | None]:
        """Until the study ends, or is given up."""
        chance = random.Random(seed)
        past = history([session("started", self.trials)])
        busy: list[tuple[float, int, bool]] = []  # (when it ends, trial, whether it fails)
        now = 200.0
        while True:
            while len(busy) < self.workers and len(past.trials) < self.trials:
                number = len(past.trials)
                past.apply(now, suggestion(number))
                if chance.random() < self.refused:
                    past.apply(now, failure(number, 1))
                    if why := why_give_up(past):
                        return past, why
                    continue
                past.apply(now, segment(number, 1, 1))
                broken = self.breaks_after is not None and number >= self.breaks_after
                fails = broken or chance.random() < self.bad
                takes = 5.0 if fails else self.epoch_s
                heapq.heappush(busy, (now + takes * chance.uniform(0.8, 1.2), number, fails))
            if not busy:
                return past, None
            now, number, fails = heapq.heappop(busy)
            past.apply(now, failure(number, 1) if fails else epoch(number, 1, 0.5, "pause"))
            if why := why_give_up(past):
                return past, why


@pytest.mark.parametrize(
    "kind",
    [
        Kind(workers=200, trials=1000, bad=0.15),
        Kind(workers=200, trials=1000, bad=0.5),
        Kind(workers=16, trials=300, bad=0.15),
        Kind(workers=16, trials=300, bad=0.4, epoch_s=6.0),
        Kind(workers=1, trials=100, bad=0.1),
        Kind(workers=1, trials=100, bad=0.0, refused=0.5),
        Kind(workers=1, trials=1000, bad=0.1, refused=0.4),
        Kind(workers=200, trials=1000, bad=0.15, refused=0.3),
    ],
)
def test_a_healthy_study_is_never_given_up(kind):
    for seed in range(STUDIES):
        past, why = kind.play(seed)
        assert why is None, (seed, len(past.trials))


@pytest.mark.parametrize(
    ("kind", "most", "said"),
    [
        (Kind(workers=1, trials=500, bad=1.0), ONLY_FAILURES, "every trial fails"),
        (Kind(workers=8, trials=500, bad=1.0), ONLY_FAILURES + 2 * 8, "every trial fails"),
        (Kind(workers=200, trials=2000, bad=1.0), ONLY_FAILURES + 2 * 200, "every trial fails"),
        (Kind(workers=1, trials=500, bad=0.0, refused=1.0), 20, "the last 20 trials failed alike"),
        (
            Kind(workers=1, trials=500, bad=0.1, breaks_after=100),
            100 + 2 * ALIKE_IN_A_ROW,
            "failed alike, and no epoch ended",
        ),
        (
            Kind(workers=8, trials=500, bad=0.1, breaks_after=100, epoch_s=10.0),
            100 + 2 * ALIKE_IN_A_ROW + 2 * 8,
            "failed alike, and no epoch ended",
        ),
    ],
)
def test_a_broken_study_is_given_up_soon(kind, most, said):
    for seed in range(STUDIES):
        past, why = kind.play(seed)
        assert why is not None
        assert said in why
        assert len(past.trials) <= most + kind.workers


def test_a_resume_is_another_try():
    past, why = Kind(workers=1, trials=500, bad=1.0).play(0)
    assert why is not None

    past.apply(900.0, session("started", 500))
    for tried in range(1, ONLY_FAILURES + 1):
        assert why_give_up(past) is None
        number = len(past.trials)
        for event in (suggestion(number), segment(number, 1, 1), failure(number, 1)):
            past.apply(900.0 + tried, event)
    assert why_give_up(past) is not None


def test_one_trial_that_has_reached_a_rung_is_hope_enough_while_reasons_differ():
    past = history(scored({1: 0.5}))
    for number in range(1, 60):
        reason = f"ValueError: {number}"
        for event in (suggestion(number), segment(number, 1, 1), failure(number, 1, reason=reason)):
            past.apply(200.0 + number, event)
        assert why_give_up(past) is None
