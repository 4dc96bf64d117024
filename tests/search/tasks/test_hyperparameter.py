"""Values as typed."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from search.tasks.hyperparameter import parse_hyperparameter
from search.tasks.registry import find_task
from tests.curve_task import TASK


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
    parsed = parse_hyperparameter(TASK, name, text)

    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("lr", "0.5", "curve has no hyperparameter 'lr'; there are: x, kind, bump, epoch_s, fault"),
        ("x", "much", "x must be a number, got 'much'"),
    ],
)
def test_a_value_that_is_none_says_the_rule(name, text, message):
    with pytest.raises(ValueError, match=message):
        parse_hyperparameter(TASK, name, text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Config:
    rate: float = 0  # a whole default of a field that is not
    most: int | None = None
    kind: typing.Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = (1, 2)


def test_a_value_is_read_by_its_annotation():
    task = dataclasses.replace(TASK, config=_Config)

    assert parse_hyperparameter(task, "rate", "0.5") == 0.5
    assert (
        parse_hyperparameter(task, "most", "3"),
        parse_hyperparameter(task, "most", "None"),
    ) == (3, None)
    assert parse_hyperparameter(task, "kind", "b") == "b"
    with pytest.raises(ValueError, match=r"sizes of curve is tuple.* cannot be typed"):
        parse_hyperparameter(task, "sizes", "34")


def test_whole_numbers_and_bools_are_read_strictly():
    sts = find_task("sts")
    whole = next(k for k, v in sts.configure({}).items() if type(v) is int)
    with pytest.raises(ValueError, match=f"{whole} must be a whole number, got '1.5'"):
        parse_hyperparameter(sts, whole, "1.5")

    bools = [k for k, v in sts.configure({}).items() if type(v) is bool]
    for name in bools:
        assert parse_hyperparameter(sts, name, "True") is True
        assert parse_hyperparameter(sts, name, "false") is False
        with pytest.raises(ValueError, match=f"{name} must be true or false, got '1'"):
            parse_hyperparameter(sts, name, "1")
