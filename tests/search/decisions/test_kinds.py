"""A name may have other ranges, choices and scales in other branches of a space."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from search.decisions import sampler
from search.decisions.drawing import why_outside_space
from search.decisions.history import History
from search.decisions.kinds import Kinds
from tests.search.studies import epoch, history, segment, session, suggestion

Space = Callable[[Any], dict[str, Any]]


def _choices(trial: Any) -> dict[str, Any]:
    size = trial.suggest_categorical("size", ["small", "large"])
    width = trial.suggest_categorical("width", (n for n in ([8, 16], [64, 128])[size == "large"]))
    return {"size": size, "width": width}


def _by_keyword(trial: Any) -> dict[str, Any]:
    size = trial.suggest_categorical(name="size", choices=["small", "large"])
    width = trial.suggest_categorical(name="width", choices={"small": "ab", "large": "bcd"}[size])
    return {"size": size, "width": width}


def _scales(trial: Any) -> dict[str, Any]:
    size = trial.suggest_categorical("size", ["small", "large"])
    return {"size": size, "width": trial.suggest_float("width", 1e-3, 1.0, log=size == "small")}


def _types(trial: Any) -> dict[str, Any]:
    size = trial.suggest_categorical("size", ["small", "large", "auto"])
    if size == "small":
        return {"size": size, "width": trial.suggest_int("width", 1, 9)}
    if size == "large":
        return {"size": size, "width": trial.suggest_float("width", 10.0, 90.0)}
    return {"size": size, "width": trial.suggest_categorical("width", ["half", None, True, 1])}


def _lengths(trial: Any) -> dict[str, Any]:
    """As many kinds as there are values."""
    size = trial.suggest_int("size", 2, 40)
    return {"size": size, "width": trial.suggest_categorical("width", list(range(size)))}


SPACES = [_choices, _by_keyword, _scales, _types, _lengths]


def _play(space: Space, trials: int, score: Callable[[dict[str, Any]], float]) -> History:
    past = history([session("started", trials)])
    for number in range(trials):
        ranked = sampler.rank_trials(past, lambda trial: trial.value("score"))
        config = sampler.suggest(number, ranked, space=space, fixed={}, sampler="tpe", seed=3)
        for event in (
            suggestion(number, **config),
            segment(number, 1, 1),
            epoch(number, 1, score(config), "pause"),
        ):
            past.apply(200.0 + number, event)
    return past


@pytest.mark.parametrize("space", SPACES)
def test_it_is_drawn_modelled_and_goes_by_its_own_name(space):
    drawn = random.Random(0)
    past = _play(space, 40, lambda config: drawn.random())

    for trial in past.trials:
        config = dict(trial.suggestion.config)
        assert set(config) == {"size", "width"}
        assert why_outside_space(config, space=space, fixed={}) is None
    mirrored = sampler.mirror(
        past.trials, space=space, fixed={}, value=lambda t: t.value("score"), kinds=Kinds()
    )
    assert len(mirrored) == 40  # the sampler learns from all of them
    # Optuna itself takes them as trials of one study.
    plain = optuna.create_study()
    plain.add_trials(mirrored)


def test_each_kind_is_searched_towards_where_it_is_better():
    def score(config: dict[str, Any]) -> float:
        return float(config["width"]) if config["size"] == "small" else -float(config["width"])

    past = _play(_scales, 60, score)

    late = [dict(trial.suggestion.config) for trial in past.trials[20:]]
    small = [config["width"] for config in late if config["size"] == "small"]
    assert sum(width > 0.1 for width in small) > len(small) / 2  # a third by chance


def test_of_a_name_drawn_twice_in_one_trial_the_second_kind_is_refused():
    def twice(trial: Any) -> dict[str, Any]:
        trial.suggest_float("x", 0.0, 1.0)
        return {"x": trial.suggest_int("x", 0, 5)}

    ranked = sampler.rank_trials(History(), lambda trial: 0.0)
    with pytest.raises(sampler.RefusedDrawError) as refused:
        sampler.suggest(0, ranked, space=twice, fixed={}, sampler="tpe", seed=0)
    assert list(refused.value.drawn) == ["x"]


def test_a_refused_draw_is_told_by_the_space_s_own_names():
    def refusing(trial: Any) -> dict[str, Any]:
        config = _scales(trial)
        assert trial.params == config
        if config["size"] == "small":
            raise ArithmeticError("not small")
        return config

    past = _play(_scales, 12, lambda config: 0.5)
    ranked = sampler.rank_trials(past, lambda t: float(t.suggestion.config["size"] == "small"))
    refusals = []
    for seed in range(12):
        options = {"space": refusing, "fixed": {}, "sampler": "tpe", "seed": seed}
        try:
            sampler.suggest(12, ranked, **options)
        except sampler.RefusedDrawError as refused:
            refusals.append(refused.drawn)
    assert refusals
    assert all(set(drawn) == {"size", "width"} for drawn in refusals)
