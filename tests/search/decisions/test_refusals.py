"""The sampler learns from what a space refuses, as from what fails."""

from __future__ import annotations

from typing import Any

import pytest

from search.decisions import sampler
from search.decisions.history import History
from search.decisions.kinds import Kinds
from tests.search.studies import epoch, failure, history, segment, session, suggestion


def _picky(trial: Any) -> dict[str, Any]:
    x = trial.suggest_float("x", 0.0, 1.0)
    if x > 0.5:
        raise ArithmeticError("not this one")
    return {"x": x, "y": trial.suggest_float("y", 0.0, 1.0)}


def _play(trials: int) -> History:
    past = history([session("started", trials)])
    for number in range(trials):
        ranked = sampler.rank_trials(past, lambda trial: trial.value("score"))
        options = {"space": _picky, "fixed": {}, "sampler": "tpe", "seed": 1}
        try:
            config = sampler.suggest(number, ranked, **options)
        except sampler.RefusedDrawError as refused:
            past.apply(200.0 + number, suggestion(number, **refused.drawn))
            past.apply(200.0 + number, failure(number, 1))
            continue
        for event in (
            suggestion(number, **config),
            segment(number, 1, 1),
            epoch(number, 1, 0.5 + config["x"], "pause"),
        ):
            past.apply(200.0 + number, event)
    return past


def test_a_refused_draw_is_shown_as_the_worst():
    past = history(
        [
            *(session("started"), suggestion(0, x=0.2, y=0.1), segment(0, 1, 1), epoch(0, 1, 0.7)),
            *(suggestion(1, x=0.8), failure(1, 1)),
        ]
    )

    mirrored = sampler.mirror(
        past.trials, space=_picky, fixed={}, value=lambda t: t.value("score"), kinds=Kinds()
    )

    assert [(dict(trial.params), trial.value) for trial in mirrored] == [
        ({"x": 0.2, "y": 0.1}, 0.7),
        ({"x": 0.8}, 0.7),
    ]


@pytest.mark.parametrize("error", [GeneratorExit(), KeyboardInterrupt(), SystemExit(2)])
def test_a_draw_is_refused_whatever_the_space_raises(error):
    def space(trial):
        x = trial.suggest_float("x", 0.0, 1.0)
        if x > 0.5:
            raise error
        return {"x": x}

    past = history([session("started"), suggestion(0, x=0.8), failure(0, 1)])
    mirrored = sampler.mirror(
        past.trials, space=space, fixed={}, value=lambda t: 0.0, kinds=Kinds()
    )
    assert [dict(trial.params) for trial in mirrored] == [{"x": 0.8}]


def test_a_value_outside_of_its_range_is_not_shown():
    past = history([session("started"), suggestion(0, x=1.5), failure(0, 1)])
    known = {"space": _picky, "fixed": {}, "value": lambda t: 0.0, "kinds": Kinds()}

    assert sampler.mirror(past.trials, **known) == []


def test_what_is_refused_is_not_proposed_for_ever():
    """Though the objective grows towards it: else nearly all would be refused."""
    late = _play(60).trials[30:]

    assert sum(trial.failed for trial in late) < 2 / 3 * len(late)
