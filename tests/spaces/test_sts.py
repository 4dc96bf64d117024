import optuna
import pytest

from spaces.sts import POINTS, first_points, space
from trainables.sts import CHOICES, Config

DEFAULT = vars(Config())


@pytest.mark.parametrize("name", POINTS)
def test_a_point_is_what_the_space_would_return(name):
    assert space(optuna.trial.FixedTrial(POINTS[name])) == POINTS[name]


def test_the_default_point_is_the_default_configuration():
    assert vars(Config(**POINTS["default"])) == DEFAULT


def test_the_reports_own_configuration_comes_before_ours():
    assert first_points({}) == ("bilstm-ln-mp", "default")
    report = Config(**POINTS["bilstm-ln-mp"])
    assert (report.bidirectional, report.norm, report.pooling) == (True, "layer", "max")
    assert (report.vectors, report.dimension, report.similarity) == ("word2vec", 100, "sum")


def drawn(trials):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(trials):
        trial = study.ask()
        yield trial, space(trial)


def test_every_draw_is_a_configuration_of_what_was_suggested():
    for trial, values in drawn(200):
        assert values == trial.params
        Config(**values)
        trained = values["vectors"] == "word2vec" or values["tuning"] != "frozen"
        assert values["dimension"] <= (200 if trained else 600)
        assert values["layers"] * values["hidden"] <= 128


def test_every_choice_is_drawn():
    seen = [values for _, values in drawn(200)]
    assert {values["dimension"] for values in seen} == {100, 200, 300, 400, 500, 600}
    assert {values["vectors"] for values in seen} == set(CHOICES["vectors"]) - {"fasttext"}
    assert {values.get("similarity", "mean") for values in seen} == set(CHOICES["similarity"])
    for field in ("tuning", "norm", "pooling", "optimizer", "schedule"):
        assert {values[field] for values in seen} == set(CHOICES[field]), field
