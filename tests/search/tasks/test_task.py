"""A task's configurations: defaults, first trials."""

from __future__ import annotations

from search.tasks.config import StudyConfig
from tests.curve_task import TASK

CURVE = "tests.curve_task:TASK"


def _config(**options) -> StudyConfig:
    return StudyConfig(**{"name": "s", "task": CURVE, "dataset": "ones", **options})


def test_a_configuration_is_whole_with_its_defaults():
    assert TASK.configure({"x": 0.5}) == {
        "x": 0.5,
        "kind": "plain",
        "bump": 0.0,
        "epoch_s": 0.0,
        "fault": "none",
    }


def test_the_report_s_own_trial_stands_as_it_is_and_our_default_takes_what_is_fixed():
    first = TASK.first_trials(_config(fixed={"x": 0.9}))

    assert [name for name, _ in first] == ["start", "default"]
    assert [config["x"] for _, config in first] == [0.3, 0.9]


def test_without_baseline_all_trials_are_drawn():
    assert TASK.first_trials(_config(baseline=False)) == []


def test_a_study_shorter_than_its_named_points_has_fewer():
    assert len(TASK.first_trials(_config(trials=1))) == 1
