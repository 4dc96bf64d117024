"""Arrays, scalars and bytes are states: what is saved is loaded, of its own type."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch

from trainables import checkpoint, plain_state


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3), dtype=np.float16)),
        np.array(3),
        np.array([], dtype=np.int8),
        np.array(["a", "№"]),
        np.array([(1, 2.0)], dtype=[("n", "i4"), ("x", "f8")]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.float64(0.1),
        np.int64(2**62),
        np.bool_(True),
        b"",
        b"\x00model\xff",
        bytearray(b"abc"),
        (1, (np.float32(2), b"x"), [np.zeros(2)]),
        OrderedDict(w=np.ones(2), n={"deep": (b"y", None, -0.0)}),
        {plain_state._MARK: "bytes", "content": np.ones(1)},
        np.random.RandomState(3).get_state(),
    ],
    ids=repr,
)
def test_what_is_saved_is_loaded(tmp_path, value):
    checkpoint.save({"value": value, "w": torch.ones(2)}, tmp_path, 1)

    _, state = checkpoint.load(tmp_path)

    assert type(state["value"]) is type(value)
    np.testing.assert_equal(state["value"], value)
    assert getattr(state["value"], "dtype", None) == getattr(value, "dtype", None)


def test_a_state_of_tensors_alone_is_written_as_it_is():
    state = {"model": torch.nn.Linear(2, 2).state_dict(), "epoch": 3, "of": [1, (2, "a")]}

    assert plain_state.encode(state) is state


@pytest.mark.parametrize("value", [np.array([print]), np.ma.masked_equal([1, 2], 1), object()])
def test_what_needs_code_to_be_read_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="loads without running code"):
        checkpoint.save({"value": [value]}, tmp_path, 1)
