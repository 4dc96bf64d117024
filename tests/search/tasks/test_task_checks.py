"""A task is sound when it is made, or refused with the field, the rule and what was given."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from search.errors import UserError
from search.tasks.registry import find_task
from tests.curve_task import TASK


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "my task/1"),
        ("name", "é" * 3),
        ("name", 7),
        ("metric", ""),
        ("metric", None),
        ("mode", "minimise"),
        ("mode", ["max"]),
        ("config", dict),
        ("config", TASK.config()),
        ("space", {"x": (0.0, 1.0)}),
        ("points", {"start": {"x": [1]}}),
        ("points", ["start"]),
        ("first_points", ("start",)),
        ("without_gpu", {3: 1}),
        ("most_gpus", 0),
        ("most_gpus", 1.0),
        ("data", SimpleNamespace(DATASETS=("a",), load=len)),
        ("data", None),
        ("train", "train.py"),
        ("train", "module:"),
        ("figures", print),
        ("model", "module:function"),
        ("reported", {"theirs": float("nan")}),
        ("reported", {"theirs": "0.5"}),
        ("checkpoint_mib", 12.0),
        ("max_epochs", 0),
        ("max_epochs", True),
        ("min_epochs", 1.0),
        ("min_epochs", 10),
        ("reduction_factor", 1),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_its_name(field, value):
    with pytest.raises(UserError) as refused:
        dataclasses.replace(TASK, **{field: value})

    message = str(refused.value)
    assert message.startswith("Task.")
    assert field in message
    assert "\n" not in message


def test_sound_tasks_are_taken():
    assert [find_task(name).mode for name in ("sts", "cnn")] == ["max", "max"]
    assert dataclasses.replace(TASK, mode="min", metric="% of 1.5").sign == -1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("from tests.curve_task import *\nimport dataclasses\n"
         "TASK = dataclasses.replace(TASK, mode='up')", "Task.mode must be 'max' or 'min'"),
        ("import sys\nsys.exit('no licence')", "SystemExit: no licence"),
        ("class Mute(Exception):\n    def __str__(self): return 1\nraise Mute", "Mute"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_imported_is_one_line(tmp_path, monkeypatch, text, reason):
    (tmp_path / "own_task_that_fails.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(UserError, match=reason):
        find_task("own_task_that_fails:TASK")
