"""The registry of tasks: names, values as typed, first trials."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from search.tasks.config import StudyConfig
from search.tasks.task import NAMES, InMemoryData, find_task
from tests.curve_task import TASK

CURVE = "tests.curve_task:TASK"


def _config(**options) -> StudyConfig:
    return StudyConfig(**{"name": "s", "task": CURVE, "dataset": "ones", **options})


def test_a_user_s_own_task_is_found_by_module_and_attribute():
    assert find_task(CURVE) is TASK


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_task_is_whole(name):
    task = find_task(name)

    assert task.name == name
    assert task.data.DATASETS
    assert set(task.first_points(task.without_gpu)) <= set(task.points)
    for values in task.points.values():
        assert task.configure(values).items() >= dict(values).items()


def test_no_task_imports_torch():
    """The driver and `show` need the task, not what it trains with."""
    code = (
        "import sys; from search.tasks.task import NAMES, find_task\n"
        "for name in NAMES: find_task(name)\n"
        "print([m for m in ('torch', 'gensim', 'torchvision', 'ray', 'mlflow') "
        "if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stss", "no task named 'stss'; there are: sts, cnn, or your own as module:ATTRIBUTE"),
        ("", "no task named ''; there are: sts, cnn"),
        (
            "no_such_module:TASK",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("tests.curve_task:TUSK", "cannot be imported: .*has no attribute 'TUSK'"),
        ("tests.curve_task:Config", r"must be a search.tasks.Task, got type"),
    ],
)
def test_a_task_that_is_not_there_is_said(name, said):
    with pytest.raises(ValueError, match=said):
        find_task(name)


def test_a_relative_module_is_said():
    with pytest.raises(ValueError, match="cannot be imported"):
        find_task(".curve_task:TASK")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("x", "0.5", 0.5),
        ("x", "1", 1.0),
        ("x", "1e-3", 0.001),
        ("kind", "bumpy", "bumpy"),
    ],
)
def test_a_value_is_read_as_its_default_s_type(name, text, value):
    parsed = TASK.parse(name, text)

    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lr", "0.5", "curve has no hyperparameter 'lr'; there are: x, kind, bump, epoch_s, fault"),
        ("x", "much", "x must be a number, got 'much'"),
    ],
)
def test_a_value_that_is_none_says_the_rule(name, text, said):
    with pytest.raises(ValueError, match=said):
        TASK.parse(name, text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Config:
    rate: float = 0  # a whole default of a field that is not
    most: int | None = None
    kind: typing.Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = (1, 2)


def test_a_value_is_read_by_its_annotation():
    task = dataclasses.replace(TASK, config=_Config)

    assert task.parse("rate", "0.5") == 0.5
    assert (task.parse("most", "3"), task.parse("most", "None")) == (3, None)
    assert task.parse("kind", "b") == "b"
    with pytest.raises(ValueError, match=r"sizes of curve is tuple.* cannot be typed"):
        task.parse("sizes", "34")


_Y = {"y": np.array([0, 1])}
_MAKE = {
    "array": lambda first: _Y | {"x": np.array([first, 2.0])},
    "tensor": lambda first: _Y | {"x": torch.tensor([first, 2.0], requires_grad=True)},
    "bfloat16": lambda first: _Y | {"x": torch.tensor([first, 2.0], dtype=torch.bfloat16)},
    "deep": lambda first: _Y | {"x": [{"deep": (first, "text", Path("a"), range(3))}]},
    "objects": lambda first: _Y | {"x": np.array(["text", first], dtype=object)},
    "dataset": lambda first: _Y | {"x": TensorDataset(torch.tensor([first, 2.0]))},
    "table": lambda first: pd.DataFrame({"y": [0, 1], "x": [first, 2.0]}),
    "times": lambda first: pd.DataFrame(
        {"y": [0, 1], "x": pd.to_datetime(["2020-01-01", f"2020-01-0{first * 4:.0f}"], utc=True)}
    ),
}


@pytest.mark.parametrize("make", _MAKE.values(), ids=_MAKE)
def test_data_in_memory_is_another_when_its_content_is(make):
    def data(first: float) -> str:
        made = functools.partial(make, first)
        module = InMemoryData(make=made, labels=lambda d: d["y"], objective=TASK.data.objective)
        return module.prepare("default", None).hash

    assert data(1.0) == data(1.0)
    assert data(1.0) != data(1.5)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (object(), "data in memory are arrays, .* got object"),
        (torch.eye(2).to_sparse(), "cannot be read as arrays"),
        ([], "must not hold themselves"),
    ],
)
def test_data_in_memory_that_cannot_be_told_is_refused(odd, said):
    if odd == []:
        odd.append(odd)
    module = InMemoryData(
        make=lambda: _Y | {"x": odd},
        labels=lambda d: d["y"],
        objective=TASK.data.objective,
    )
    with pytest.raises(ValueError, match=said):
        module.prepare("default", None)


def test_whole_numbers_and_truth_are_read_strictly():
    sts = find_task("sts")
    whole = next(k for k, v in sts.configure({}).items() if type(v) is int)
    with pytest.raises(ValueError, match=f"{whole} must be a whole number, got '1.5'"):
        sts.parse(whole, "1.5")

    truths = [k for k, v in sts.configure({}).items() if type(v) is bool]
    for truth in truths:
        assert sts.parse(truth, "True") is True
        assert sts.parse(truth, "false") is False
        with pytest.raises(ValueError, match=f"{truth} must be true or false, got '1'"):
            sts.parse(truth, "1")


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
