"""How numbers are shown: with the digits that tell them apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.reports.numbers import estimate_text, interval_text, number_text, number_texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.7837, 0.5], ["0.7837", "0.5000"]),
        ([0.78371, 0.78372], ["0.78371", "0.78372"]),
        ([0.123456789012, 0.123456789013], ["0.123456789012", "0.123456789013"]),
        ([1e-7, 3e-7, 2.5e-7], ["1e-07", "3e-07", "2.5e-07"]),
        ([1e12, 1e12 + 1], ["1000000000000", "1000000000001"]),
        ([1e12, 3e12], ["1e+12", "3e+12"]),
        ([0.9, 1e-7, 0.0], ["0.9000", "1e-07", "0.0000"]),
        ([0.9, 0.0012], ["0.9000", "0.0012"]),
        ([0.0012], ["0.0012"]),
        ([-0.0, 0.0], ["0.0000", "0.0000"]),
        ([5e-324, 1e-323], ["4.941e-324", "9.881e-324"]),
        ([1.7e308, -1.7e308], ["1.7e+308", "-1.7e+308"]),
        ([0.3, 0.1 + 0.2], ["0.3000", "0.3000"]),
        ([math.nan, math.nan, 0.5], ["nan", "nan", "0.5000"]),
        ([], []),
    ],
)
def test_numbers_side_by_side(values, texts):
    assert number_texts(values) == texts


def test_one_number_is_told_from_those_beside_it():
    assert number_text(0.91474) == "0.9147"
    assert number_text(0.91474, 0.91471) == "0.91474"


def test_an_estimate_and_its_interval():
    assert estimate_text(0.0123, -0.002, 0.03, signed=True) == "+0.0123 [-0.0020, +0.0300]"
    assert estimate_text(0.72, None, None) == "0.7200 [unknown]"
    assert interval_text(1e-9, 3e-9) == "[1e-09, 3e-09]"


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=6))
def test_different_numbers_are_different_texts_and_the_same_the_same(values):
    texts = number_texts(values)

    rounded = [float(f"{value:.12g}") for value in values]
    for value, text in zip(rounded, texts, strict=True):
        assert float(text) == pytest.approx(value, rel=1e-2, abs=1e-3 * max(map(abs, values)))
        for other, other_text in zip(rounded, texts, strict=True):
            assert (text == other_text) == (value == other) or abs(value - other) < 1e-11 * abs(
                value
            )
