"""Hyperparameters that the record can keep, and those that it cannot."""

from __future__ import annotations

import dataclasses
import enum
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from search.errors import UserError
from search.tasks.plain_value import plain_or_text, plain_value
from tests.curve_task import TASK


class Kind(enum.StrEnum):
    ADAM = "adam"


@pytest.mark.parametrize(
    "value", ["é№", "", None, True, -0.0, 5e-324, 1e308, math.inf, 2**64, -(2**70), Kind.ADAM]
)
def test_plain_values_are_kept(value: Any):
    assert repr(plain_value("x", value)) == repr(value)


def test_numpy_scalars_are_the_numbers_that_they_are():
    kept = [
        plain_value("x", v) for v in (np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a"))
    ]

    assert kept == [3, 0.5, True, "a"]
    assert [type(value) for value in kept] == [int, float, bool, str]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((64, 64), r"x is \(64, 64\): a hyperparameter is text, a number, a bool or None"),
        (Decimal("0.1"), "a hyperparameter is text"),
        (np.zeros(2), "a hyperparameter is text"),
        (math.nan, "x is nan, which equals no value"),
        (np.float64("nan"), "x is nan"),
        pytest.param(2**50000, "x is a whole number of more than 4096 bits", id="long"),
        ("a\udcff", "a text is what UTF-8 can hold"),
        ("a\0", "without NUL"),
    ],
)
def test_what_would_be_another_value_when_read_back_is_refused(value: Any, reason: str):
    with pytest.raises(UserError, match=reason):
        plain_value("x", value)
    assert isinstance(plain_or_text({"x": value})["x"], str)


def test_a_configuration_is_plain():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Given:
        x: Any = 0

    task = dataclasses.replace(TASK, config=Given)

    assert task.configure({"x": np.int64(3)}) == {"x": 3}
    with pytest.raises(UserError, match="x is nan"):
        task.configure({"x": math.nan})
