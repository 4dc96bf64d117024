"""What a user's functions raise, wherever they are called: one line, the reason and the place."""

from __future__ import annotations

import dataclasses
import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.driver.begin import create, prepare, probe
from search.driver.streams import redirected
from search.errors import UserError
from search.record.record import open_record
from search.tasks import InMemoryData
from search.tasks.config import StudyConfig
from search.tasks.user_code import UserCodeError, place_of, raised_by_user, trace_of, user_code
from tests.curve_task import TASK
from trainables.errors import DataError

CONFIG = StudyConfig(name="s", task="curve", dataset="ones")
ERRORS = [
    ValueError("bad\nsecond line"),
    SystemExit("gone"),
    FileNotFoundError(2, "no"),
    SystemExit(),
]


def _raiser(error: BaseException) -> Any:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    return fails


class _Data:
    """The curve task's, one function of which raises."""

    DATASETS = ("ones",)

    def __init__(self, name: str, error: BaseException) -> None:
        for each in ("prepare", "load", "labels", "objective", "baselines"):
            setattr(self, each, getattr(TASK.data, each))
        setattr(self, name, _raiser(error))


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("name", ["prepare", "load", "labels", "baselines", "objective"])
def test_data_that_raise_before_the_start_are_one_line(tmp_path, name, error):
    task = dataclasses.replace(TASK, data=_Data(name, error))

    def begin() -> None:
        prepared = prepare(task, CONFIG)
        if name == "objective":
            task.objective(np.ones(3), np.ones(3))
        create(open_record(tmp_path, create=True), CONFIG, task, prepared)

    with pytest.raises(UserCodeError) as told:
        begin()

    assert type(error).__name__ in str(told.value)
    assert "test_user_code.py:" in str(told.value)
    assert "in fails" in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("field", ["first_points", "checkpoint_mib", "space"])
def test_functions_that_raise_before_the_start_are_one_line(field, error):
    task = dataclasses.replace(TASK, **{field: _raiser(error)})

    with pytest.raises(UserError, match=r"test_user_code.py:\d+, in fails") as told:
        probe(task, CONFIG, TASK.data.load(Path()))

    assert type(error).__name__ in str(told.value)


@pytest.mark.parametrize(
    ("field", "value"), [("train", "no_such_one:train"), ("figures", "a.b:c"), ("model", "no.such")]
)
def test_a_module_that_is_named_and_not_there_is_told_before_the_start(field, value):
    task = dataclasses.replace(TASK, **{field: value})

    with pytest.raises(UserError, match=f"Task.{field} names"):
        probe(task, CONFIG, TASK.data.load(Path()))


def test_what_a_library_raises_for_a_user_is_theirs(tmp_path):
    make = functools.partial(np.load, tmp_path / "nowhere.npz")
    data = InMemoryData(make=make, labels=len, objective=lambda *_: 0.0)

    with pytest.raises(UserCodeError, match="cannot be made: FileNotFoundError"):
        data.prepare("default", None)


def test_a_defect_of_ours_keeps_its_traceback_and_data_errors_their_words():
    from trainables.metrics import pearson

    data = _Data("objective", ValueError())
    data.objective = pearson
    with pytest.raises(TypeError, match="isfinite"):
        dataclasses.replace(TASK, data=data).objective(None, print)
    with pytest.raises(DataError, match=r"^missing$"), user_code("the data"):
        raise DataError("missing")


def test_a_traceback_begins_where_the_user_s_code_does():
    try:
        with user_code("calls"):
            _raiser(KeyError("x"))()
    except UserCodeError as error:
        cause = error.__cause__
    assert cause is not None
    assert trace_of(cause).splitlines()[1].strip().startswith('File "')
    assert "/user_code.py" not in trace_of(cause)
    assert trace_of(UserError("says it all")) == ""


def test_a_compiled_library_is_nobody_s_own_code():
    trace = compile("int('x')", "python/ray/_raylet.pyx", "exec")
    with pytest.raises(ValueError, match="invalid") as raised:
        exec(trace)

    assert "_raylet" not in str(place_of(raised.value))


def test_a_place_is_of_the_user_or_none():
    assert place_of(ValueError("never raised")) is None
    with pytest.raises(SyntaxError) as unread:
        compile("x = (", "/somewhere/own.py", "exec")
    assert place_of(unread.value) == "/somewhere/own.py:1"
    with pytest.raises(ValueError, match="invalid") as raised:
        int("x")
    assert "in test_a_place" in str(place_of(raised.value))


def test_who_has_raised_is_who_was_called_last():
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    full = open("/dev/full", "w", buffering=1)  # noqa: SIM115 (it cannot be closed)
    for stream, by_user in ((full, False), (Full(), True)):
        with pytest.raises(OSError, match="No space") as raised, redirected(stream):
            print("epoch 1", flush=True)
        assert raised_by_user(raised.value) == by_user
