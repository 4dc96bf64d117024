from search.experiments.ablation import changes

DEFAULTS = {"rate": 0.1, "kind": "plain", "bump": 0.0, "depth": 1, "inner": 0.0, "padding": "none"}


def space(trial):
    drawn = {
        "rate": trial.suggest_float("rate", 0.0, 1.0),
        "kind": trial.suggest_categorical("kind", ["plain", "bumpy"]),
    }
    if drawn["kind"] == "bumpy":
        drawn["bump"] = trial.suggest_float("bump", 0.0, 1.0)
        drawn["depth"] = trial.suggest_int("depth", 1, 3)
        if drawn["depth"] > 1:
            drawn["inner"] = trial.suggest_float("inner", 0.0, 1.0)
    return drawn


def of(winner, base):
    found = changes({**DEFAULTS, **winner}, {**DEFAULTS, **base}, space=space, defaults=DEFAULTS)
    return {change.hyperparameter: change for change in found}


def test_what_is_the_same_is_no_change():
    assert of({}, {}) == {}


def test_each_that_differs_is_exchanged_alone():
    found = of({"rate": 0.5}, {"rate": 0.2})
    assert list(found) == ["rate"]
    assert found["rate"].minus == {**DEFAULTS, "rate": 0.2}
    assert found["rate"].plus == {**DEFAULTS, "rate": 0.5}
    assert (found["rate"].minus_with, found["rate"].plus_with) == ({}, {})


def test_what_is_drawn_only_with_it_goes_with_it():
    winner = {"kind": "bumpy", "bump": 0.4, "depth": 2, "inner": 0.7}
    kind = of(winner, {})["kind"]
    assert kind.minus == DEFAULTS
    assert kind.minus_with == {"bump": 0.0, "depth": 1, "inner": 0.0}
    assert kind.plus == {**DEFAULTS, **winner}
    assert kind.plus_with == {"bump": 0.4, "depth": 2, "inner": 0.7}
    assert list(of(winner, {})) == ["kind"]


def test_within_a_branch_that_both_take_each_is_its_own():
    found = of({"kind": "bumpy", "bump": 0.4}, {"kind": "bumpy", "bump": 0.1, "rate": 0.3})
    assert set(found) == {"rate", "bump"}


def test_what_the_space_never_draws_is_a_change_too():
    assert set(of({}, {"padding": "zero"})) == {"padding"}


def test_a_base_outside_the_space_is_taken_as_it_is():
    assert set(of({"rate": 0.5}, {"rate": 7.0})) == {"rate"}
