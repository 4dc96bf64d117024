"""What a training function may report as a metric, and what fails its trial."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from search.driver.metrics import plain_metrics
from search.errors import UserError


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (True, 1.0),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (2**70 + 1, float(2**70)),
        (np.float32(0.5), 0.5),
        (np.int64(-3), -3.0),
        (np.array([[0.25]]), 0.25),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 8), 0.125),
        (torch.tensor(0.5), 0.5),
        (torch.tensor([2]), 2.0),
    ],
)
def test_a_number_is_kept_as_a_float_of_the_same_value(value: Any, number: float):
    found = plain_metrics({"acc": 0.5, "more": value}, 1, objective="acc")["more"]

    assert type(found) is float
    assert repr(found) == repr(number)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("0.9", r"metric 'acc' must be a number, at epoch 2; got '0.9' \(str\)"),
        (b"1", r"got b'1' \(bytes\)"),
        (np.str_("1"), r"\(str_\)"),
        (1 + 0j, r"\(complex\)"),
        (np.complex64(1), r"\(complex64\)"),
        (torch.tensor(1j), r"\(Tensor\)"),
        (np.timedelta64(1, "s"), r"\(timedelta64\)"),
        (None, r"got None \(NoneType\)"),
        ([0.5], r"got \[0.5\] \(list\)"),
        (np.array([0.5, 0.6]), r"\(ndarray\)"),
        (10**400, r"that a 64-bit float can hold; got 10+\.\.\. \(int\)"),
        pytest.param(10**5000, r"got what has no repr \(int\)", id="no repr"),
        (Decimal("nan"), "acc is nan at epoch 2"),
        (float("-inf"), "acc is -inf at epoch 2"),
    ],
)
def test_what_is_no_finite_number_is_refused_by_its_name(value: Any, reason: str):
    with pytest.raises(UserError, match=reason):
        plain_metrics({"acc": value}, 2, objective="acc")


def test_names_are_kept_as_they_are_and_what_cannot_be_written_is_escaped():
    names = ["", "..", "a//b", "acc%", "épôque", "epoch", "m" * 300, "\n"]

    given = dict.fromkeys([*names, "x\udcff", "n\0"], 1.0)

    found = plain_metrics(given, 1, objective="epoch")

    assert list(found) == [*names, "x\\udcff", "n\\x00"]


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({1: 0.5}, "a metric's name must be text, got 1"),
        ({"\udcff": 1.0, "\\udcff": 2.0}, r"two metrics have the name '\\\\udcff'"),
        ([0.5], "the metrics of epoch 1 must be a dict of name and number, got list"),
        ({"loss": 0.5}, "no metric 'acc' in the epoch's: loss"),
        ({}, "no metric 'acc' in the epoch's: none"),
    ],
)
def test_metrics_that_cannot_be_kept_are_refused(metrics: Any, reason: str):
    with pytest.raises(UserError, match=reason):
        plain_metrics(metrics, 1, objective="acc")
