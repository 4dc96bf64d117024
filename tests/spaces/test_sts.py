import optuna
import pytest

import spaces.sts
from spaces.sts import POINTS, checkpoint_mib, first_points, space
from trainables import checkpoint
from trainables.sts import CHOICES, Config
from trainables.sts.data import load, prepare
from trainables.sts.train import train

DEFAULT = vars(Config())


@pytest.mark.parametrize("name", POINTS)
def test_a_point_is_what_the_space_would_return(name):
    """But for what the report did and the space does not offer."""
    report = {"padding", "output_scale"}
    if POINTS[name]["vectors"] == "random":
        report.add("similarity")
    offered = {field: value for field, value in POINTS[name].items() if field not in report}
    assert space(optuna.trial.FixedTrial(POINTS[name])) == offered


def test_the_rows_of_the_reports_table_differ_as_it_says():
    best = Config(**POINTS["bilstm-ln-mp"])
    rows = {
        "lstm-fixed": {"bidirectional", "tuning", "norm", "pooling"},
        "lstm-2-fixed": {"bidirectional", "tuning", "norm", "pooling", "layers"},
        "bilstm": {"norm", "pooling"},
        "bilstm-ln": {"pooling"},
        "bilstm-gcn": {"norm", "pooling"},
        "lstm-ln-mp": {"bidirectional"},
        "bilstm-ln-mp-random": {"vectors"},
        "bilstm-ln-mp-x5": {"output_scale"},
        "bilstm-ln-mp-zero": {"padding"},
        "bilstm-ln-mp-wrap": {"padding"},
    }
    for name, fields in rows.items():
        row = vars(Config(**POINTS[name]))
        assert {field for field, value in vars(best).items() if row[field] != value} == fields


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


@pytest.mark.parametrize(
    ("fixed", "largest"),
    [
        ({"tuning": "frozen", "hidden": 512, "dimension": 600}, {"layers": 2}),
        ({"hidden": 300}, {"layers": 2, "tuning": "frozen", "dimension": 600}),
        ({"tuning": "trainable"}, {"hidden": 96, "dimension": 200}),
        ({"tuning": "slow", "hidden": 128, "dimension": 900}, {"layers": 2}),
        ({"layers": 2, "tuning": "frozen"}, {"hidden": 64, "dimension": 600}),
        (
            {"bidirectional": False, "hidden": 256},
            {"layers": 2, "tuning": "frozen", "dimension": 600},
        ),
        (
            {"optimizer": "rmsprop", "hidden": 256},
            {"layers": 2, "tuning": "frozen", "dimension": 600},
        ),
    ],
)
def test_a_checkpoint_is_as_large_as_a_plan_says(tmp_path, monkeypatch, fixed, largest):
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path))
    data = load(prepare("toy", None).folder)
    monkeypatch.setattr(spaces.sts, "_WORDS", len(data.words))
    config = Config(**{**fixed, **largest}, batch_size=len(data.train))
    epoch = next(train(config, data, seed=0, max_epochs=1))

    size_mib = checkpoint.save(epoch.state(), tmp_path, 1).stat().st_size / 2**20

    assert size_mib <= checkpoint_mib(fixed) < 1.1 * size_mib


def test_no_draw_s_checkpoint_is_larger_than_a_plan_says():
    limit = checkpoint_mib({})
    assert all(spaces.sts._mib(values) <= limit for _, values in drawn(200))
    assert 33 < limit < 35
    assert checkpoint_mib({"tuning": "trainable"}) > 48  # our default keeps its 300 dimensions
