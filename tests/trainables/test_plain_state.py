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


def _hook() -> None: ...


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"model": {"optimizer": {"hook": _hook}}}, "model.optimizer['hook'] is a function"),
        ({"model.optimizer": {"hook": lambda: 1}}, "model.optimizer['hook'] is a function"),
        ({"epoch": 1, "layers": [{}, ({"fit": object()},)]}, "layers[1][0]['fit'] is an object"),
        ({"rng": np.random.default_rng(0)}, "state['rng'] is a numpy.random._generator.Generator"),
        ({"best": np.array([{}], dtype=object)}, "state['best'] is a numpy array of objects"),
        ({"rows": {range(3): 1}}, "the key range(0, 3) of rows is a range"),
        ({"open": (n for n in [1])}, "state['open'] is a generator"),
    ],
)
def test_what_cannot_be_read_back_is_named_by_its_path(tmp_path, state, where):
    with pytest.raises(ValueError, match="without running code") as refused:
        checkpoint.save(state, tmp_path, 1)

    assert str(refused.value).startswith(where)
    assert "\n" not in str(refused.value)


def test_a_state_that_holds_itself_or_is_none_is_refused(tmp_path):
    loop: dict[str, object] = {}
    loop["itself"] = loop
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]

    for state, why in (
        (loop, r"\['itself'\] is what holds it"),
        ({"extra": loop}, r"^extra\['itself'\] is what holds it"),
        ({"deep": deep}, r"^deep\[0\]\[0\].* is nested too deeply"),
        (None, "got NoneType"),
        ([1], "got list"),
    ):
        with pytest.raises(ValueError, match=why):
            checkpoint.save(state, tmp_path, 1)  # type: ignore[arg-type]


def test_numpy_scalars_and_bytes_are_keys(tmp_path):
    counts = {np.int64(3): np.ones(1), b"x": 2, (1, 2): {np.str_("y"): 3}}
    checkpoint.save({"counts": counts}, tmp_path, 1)

    _, state = checkpoint.load(tmp_path)

    assert state["counts"] == counts
    assert list(map(type, state["counts"])) == [np.int64, bytes, tuple]
