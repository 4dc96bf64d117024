"""The bound at which a study ends: how it is read, and what it refuses."""

from __future__ import annotations

import re

import pytest

from search.decisions.until import parse_until
from search.errors import UserError


@pytest.mark.parametrize("text", ["score>=0.77", " score >= .77 ", "score>=7.7e-1"])
def test_it_is_read_as_it_is_typed(text):
    until = parse_until(text, metric="score", mode="max")

    assert until.reached(0.77)
    assert until.reached(0.9)
    assert not until.reached(0.7699)
    assert str(until) == "score>=0.77"


def test_where_small_is_better_it_is_an_upper_bound():
    until = parse_until("loss<=0.5", metric="loss", mode="min")

    assert until.reached(0.5)
    assert not until.reached(0.51)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("score", "until takes METRIC>=NUMBER, as 'score>=0.77'; got 'score'"),
        ("", "got ''"),
        ("accuracy>=0.9", "the study's objective, score, as 'score>=0.77'; got 'accuracy'"),
        ("score<=0.9", "takes >= for score, of which a larger one is better"),
        ("score>0.9", "got '>'"),
        ("score>=high", "a finite number, as 'score>=0.77'; got 'high'"),
        ("score>=nan", "a finite number"),
        ("score>=", "a finite number"),
    ],
)
def test_what_is_none_is_refused_with_the_rule(text, why):
    with pytest.raises(UserError, match=re.escape(why)):
        parse_until(text, metric="score", mode="max")
