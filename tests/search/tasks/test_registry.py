"""Tasks are found by name, and say why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from search.tasks.registry import NAMES, find_task
from tests.curve_task import TASK

CURVE = "tests.curve_task:TASK"


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
        "import sys; from search.tasks.registry import NAMES, find_task\n"
        "for name in NAMES: find_task(name)\n"
        "print([m for m in ('torch', 'gensim', 'torchvision', 'ray', 'mlflow') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "message"),
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
def test_a_task_that_is_not_there_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        find_task(name)


def test_a_relative_module_is_refused():
    with pytest.raises(ValueError, match="cannot be imported"):
        find_task(".curve_task:TASK")
