"""Which stopped trials are trained to the end."""

from __future__ import annotations

from collections import Counter

import pytest

from search.decisions.audit import audited_trial, draw, source_of, stopped_trials
from search.decisions.history import Suggestion
from tests.search.studies import failure, history, scored, segment, session, suggestion

RUNGS = {**dict.fromkeys(range(42), 1), **dict.fromkeys(range(42, 56), 3)}


def test_those_that_rest_at_a_rung_are_stopped_ones() -> None:
    events = [
        *scored({1: 0.2}, {9: 0.5}, {1: 0.4}, {3: 0.6}, {1: 0.1}),
        *[suggestion(5), segment(5, 1, 1), failure(5, 1)],
        *[suggestion(6), segment(6, 1, 3)],
        session("finished"),
    ]

    found = stopped_trials(history(events), full_length=1, max_epochs=9)

    assert [trial.number for trial in found] == [2, 3, 4]


def test_each_rung_has_its_part_and_the_higher_the_rest() -> None:
    drawn = draw(RUNGS, count=3, seed=0)

    assert Counter(each.rung for each in drawn) == {3: 2, 1: 1}
    assert {each.rung: each.probability for each in drawn} == {3: 2 / 14, 1: 1 / 42}
    assert {each.rung: each.group_size for each in drawn} == {3: 14, 1: 42}


@pytest.mark.parametrize("count", [1, 2, 3, 5, 20])
def test_each_is_drawn_as_often_as_is_said(count: int) -> None:
    rungs = {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 3, 6: 3, 7: 9}
    found: Counter[int] = Counter()
    told: dict[int, float] = {}
    for seed in range(2000):
        drawn = draw(rungs, count=count, seed=seed)
        assert len(drawn) == len({each.trial for each in drawn}) == min(count, 8)
        assert sum(1 / each.probability for each in drawn) == pytest.approx(8)
        found.update(each.trial for each in drawn)
        told |= {each.trial: each.probability for each in drawn}
    assert told.keys() == rungs.keys()
    for trial, probability in told.items():
        assert found[trial] / 2000 == pytest.approx(probability, abs=0.05)


def test_more_draws_add_to_fewer() -> None:
    few = {each.trial for each in draw(RUNGS, count=3, seed=5)}

    assert few < {each.trial for each in draw(RUNGS, count=6, seed=5)}
    assert few != {each.trial for each in draw(RUNGS, count=3, seed=6)}


def test_of_nothing_nothing_is_drawn() -> None:
    assert draw({}, count=3, seed=0) == []
    assert draw(RUNGS, count=0, seed=0) == []


def test_the_record_tells_an_audit_s_run_from_others() -> None:
    def run(source: str) -> Suggestion:
        return Suggestion(trial=0, config={}, seed=0, source=source)

    assert audited_trial(run(source_of(12))) == 12
    assert audited_trial(run("trial 12")) is None
