"""The hash of data in memory is that of their content."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from search.tasks.in_memory_data import InMemoryData
from tests.curve_task import TASK

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
    ("odd", "message"),
    [
        (object(), "data in memory are arrays, .* got object"),
        (torch.eye(2).to_sparse(), "cannot be read as arrays"),
        ([], "must not hold themselves"),
    ],
)
def test_data_in_memory_that_cannot_be_hashed_is_refused(odd, message):
    if odd == []:
        odd.append(odd)
    module = InMemoryData(
        make=lambda: _Y | {"x": odd},
        labels=lambda d: d["y"],
        objective=TASK.data.objective,
    )
    with pytest.raises(ValueError, match=message):
        module.prepare("default", None)
