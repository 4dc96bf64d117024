"""A task's configurations: defaults, first trials."""

from __future__ import annotations

import dataclasses

import pytest

from search.errors import UserError
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
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


@pytest.mark.parametrize("name", ["sts", "cnn"])
def test_a_trial_that_would_leave_gpus_idle_is_refused(name):
    task = find_task(name)
    task.check_gpus(0.25)
    task.check_gpus(1)

    with pytest.raises(UserError, match=f"must be at most 1 for {name}.*got 2: give it 1"):
        task.check_gpus(2)


@pytest.mark.parametrize("most", [None, 8])
def test_a_task_that_uses_several_gpus_itself_is_given_them(most):
    dataclasses.replace(TASK, most_gpus=most).check_gpus(8)
