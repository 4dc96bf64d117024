from __future__ import annotations

import dataclasses
import warnings

import optuna
import pytest
from optuna.trial import FixedTrial

from spaces.cnn import POINTS, WITHOUT_GPU, first_points, space
from trainables.cnn import Config

FIELDS = {field.name: field.default for field in dataclasses.fields(Config)}


@pytest.mark.parametrize("name", POINTS)
def test_point_is_in_the_space(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna only warns of a value outside its range
        assert space(FixedTrial(POINTS[name])) == POINTS[name]
    Config(**POINTS[name])


def test_every_draw_is_a_configuration_without_meaningless_fields() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(300):
        trial = study.ask()
        drawn = space(trial)
        assert drawn == trial.params
        assert set(drawn) <= set(FIELDS)
        Config(**drawn)
        assert ("celu_alpha" in drawn) == (drawn["activation"] == "celu")
        assert ("warmup" in drawn) == (drawn["schedule"] == "one_cycle")
        assert ("ema_epochs" in drawn) == (drawn["averaging"] == "ema")


def test_report_rows_are_as_the_report_has_them() -> None:
    rows = {name: Config(**point) for name, point in POINTS.items() if name.startswith("report")}
    assert len(rows) == 5
    for name, config in rows.items():
        assert config.model == ("lenet" if "LeNet" in name else "resnet18")
        assert config.activation == ("celu" if "CELU" in name else "relu")
        assert (config.label_smoothing > 0) == ("LS" in name)
        assert (config.learning_rate, config.momentum, config.batch_size) == (0.01, 0.9, 128)
        assert (config.weight_decay, config.schedule, config.averaging) == (
            5e-4,
            "constant",
            "none",
        )


def test_defaults_of_the_configuration_are_our_lenet() -> None:
    assert Config(**POINTS["lenet"]) == Config()


@pytest.mark.parametrize("model", ["lenet", "resnet18"])
def test_first_points_fit_the_model(model: str) -> None:
    report, ours = first_points({"model": model})
    assert report.startswith("report")
    assert POINTS[report]["model"] == POINTS[ours]["model"] == model


def test_first_points_without_a_gpu() -> None:
    assert first_points(WITHOUT_GPU) == ("report LeNet", "lenet")
