import dataclasses
import json

import pytest

from search.errors import UserError
from search.tasks.config import StudyConfig
from search.tasks.points import find_points
from tests.curve_task import TASK

NAMED = dataclasses.replace(TASK, points={"low": {"x": 0.1}, "high": {"x": 0.9}})
LOW = {"x": 0.1, "kind": "plain", "bump": 0.0, "epoch_s": 0.0, "fault": "none"}


@pytest.mark.parametrize("given", ["low", " low ", ["low"], {"low": {"x": 0.1}}])
def test_a_point_is_a_whole_configuration(given):
    assert find_points(NAMED, given) == {"low": LOW}


def test_points_keep_the_order_they_are_asked_for():
    assert list(find_points(NAMED, "high, low")) == ["high", "low"]


def test_a_users_own_are_in_a_file_or_typed(tmp_path):
    own = {"mine": {"x": 0.5, "kind": "bumpy"}}
    (tmp_path / "own.json").write_text(json.dumps(own))
    for given in (str(tmp_path / "own.json"), json.dumps(own)):
        assert find_points(NAMED, given)["mine"]["kind"] == "bumpy"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("middle", "has no point 'middle'; there are: low, high"),
        ("", "has no point ''"),
        ("nowhere.json", "nowhere.json cannot be read: No such file"),
        ("{", "--points is no JSON"),
        ('{"mine": 3}', "point mine must be an object of hyperparameters, got 3"),
        ('{"": {}}', "a point's name is a text, got ''"),
        ('{"mine": {"x": 3.0}}', "x must be in"),
    ],
)
def test_what_is_none_is_told(given, told):
    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        find_points(NAMED, given)


def test_each_is_trained_once_a_seed_whatever_is_fixed():
    points = find_points(NAMED, "low,high")
    config = StudyConfig(
        name="s", task="t", dataset="d", points=points, point_seeds=2, fixed={"x": 0.4}, trials=9
    )
    first = TASK.first_trials(config)
    assert [name for name, _ in first] == ["low", "high", "low", "high"]
    assert [values["x"] for _, values in first] == [0.1, 0.9, 0.1, 0.9]
