"""Metrics' names in MLflow: as MLflow allows them, and each its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric

from search.tracking.names import mlflow_name

NAMES = [
    "", ".", "..", "../x", "/x", "x/", "a//b", "a/./b", "a/b", "a%", "a:b", "a;b", "a_b", "a b",
    " a", "a ", "a\n", "a\tb", "é", "e\u0301", "精度", "🎯", "'", '"', "\\", "x" * 250, "y" * 300,
    "y" * 299 + "z", "epoch_cpu_s", "epoch", "Epoch", "\ud800", "\0", "acc-0123abcd", ".hidden",
]  # fmt: skip


@pytest.mark.parametrize("name", ["acc", "val/loss", "top 5.acc", "é", "精度", "x" * 250, "epoch"])
def test_what_mlflow_takes_is_left_as_it_is(name):
    assert mlflow_name(name) == name


@pytest.mark.parametrize(
    ("name", "kept"),
    [("acc%", "acc_-"), ("a//b", "a__b-"), ("..", "_-"), ("y" * 300, "y" * 200 + "-")],
)
def test_what_it_refuses_is_kept_as_far_as_it_goes(name, kept):
    assert mlflow_name(name).startswith(kept)


def test_a_name_of_ours_is_not_taken_from_us():
    assert mlflow_name("epoch_cpu_s", {"epoch_cpu_s"}) != "epoch_cpu_s"


def test_no_two_names_become_one():
    given_names = [*NAMES, *(mlflow_name(name, {"epoch_cpu_s"}) for name in NAMES)]

    assert len({mlflow_name(n, {"epoch_cpu_s"}) for n in given_names}) == len(set(given_names))


@given(st.one_of(st.sampled_from(NAMES), st.text()))
def test_mlflow_takes_every_name(name):
    _validate_metric(mlflow_name(name), 1.0, 0, 0)
