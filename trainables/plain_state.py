"""States as tensors, text, numbers, lists and dicts alone, which load without running code.

NumPy arrays and scalars and bytes become tensors of bytes, in a dict that is marked; arrays in the
format of `.npy` files, without objects.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

__all__ = ["decode", "encode", "first_unplain"]

_LONGEST_PATH = 200
_DEEPEST = 60
_MARK = "search: encoded"  # such a dict's first key


def encode(value: Any) -> Any:
    """`value`, with marked dicts for what `torch.load` would refuse. The same object where there
    is nothing of that kind in it."""
    if type(value) is np.ndarray or type(value) is np.memmap or isinstance(value, np.generic):
        if value.dtype.hasobject:
            return value
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(value), allow_pickle=False)
        kind = "scalar" if isinstance(value, np.generic) else "array"
        return _marked(kind, _tensor(buffer.getvalue()))
    if type(value) in (bytes, bytearray):
        return _marked(type(value).__name__, _tensor(value))
    if type(value) in (list, tuple):
        inner = [encode(each) for each in value]
        same = all(new is old for new, old in zip(inner, value, strict=True))
        return value if same else type(value)(inner)
    if type(value) in (dict, OrderedDict):
        encoded = {key: encode(each) for key, each in value.items()}
        # A NumPy scalar or bytes may be a key, too.
        if _MARK in value or any(encode(key) is not key for key in value):
            return _marked("dict", [[encode(key), each] for key, each in encoded.items()])
        same = all(encoded[key] is each for key, each in value.items())
        return value if same else type(value)(encoded)
    return value


def decode(value: Any) -> Any:
    """What `encode` was given."""
    if type(value) in (list, tuple):
        return type(value)(decode(each) for each in value)
    if type(value) in (dict, OrderedDict):
        if _MARK in value:
            return _decoded(value[_MARK], value["content"])
        for key, each in value.items():
            value[key] = decode(each)
    return value


def _marked(kind: str, content: Any) -> dict[str, Any]:
    return {_MARK: kind, "content": content}


def _decoded(kind: str, content: Any) -> Any:
    if kind == "dict":
        return {decode(key): decode(each) for key, each in content}
    raw = content.numpy().tobytes()
    if kind in ("bytes", "bytearray"):
        return raw if kind == "bytes" else bytearray(raw)
    array = np.load(io.BytesIO(raw), allow_pickle=False)
    return array[()] if kind == "scalar" else array


def first_unplain(value: Any, loads: Callable[[Any], bool]) -> str:
    """Where in a state the first value is that cannot be loaded, and what it is:
    "model.optimizer['hook'] is a function". `loads`: whether a value, encoded, can be."""
    path: list[tuple[bool, Any]] = []
    above = {id(value)}
    while (inner := _parts(value)) is not None:
        bad = next((part for part in inner if not loads(part[2])), None)
        if bad is None:
            break
        path.append(bad[:2])
        value = bad[2]
        if id(value) in above:
            return f"{_path(path)} is what holds it"
        if len(path) > _DEEPEST:
            return f"{_path(path)} is nested too deeply"
        above.add(id(value))
    kind = type(value)
    own = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        own = "numpy array of objects"
    if callable(value) and hasattr(value, "__code__"):
        own = "function"
    return f"{_path(path)} is {'an' if own[0] in 'aeiou' else 'a'} {own}"


def _parts(value: Any) -> list[tuple[bool, Any, Any]] | None:
    """What a container holds: whether by a key, the key or the index, the value."""
    if isinstance(value, dict):
        keys = [(False, f"the key {key!r}", key) for key in value]
        return [*keys, *((True, key, each) for key, each in value.items())]
    if type(value) in (list, tuple, set):
        return [(True, number, each) for number, each in enumerate(value)]
    return None


def _path(path: list[tuple[bool, Any]]) -> str:
    """As one would write it, the last by its key: model.layers[0]['hook']."""
    text = "state"
    for depth, (named, key) in enumerate(path):
        if not named:
            return f"{key} of {text}"
        dotted = isinstance(key, str) and depth < len(path) - 1
        if dotted:
            text = key if text == "state" else f"{text}.{key}"
        else:
            text += f"[{key!r}]"
    return text if len(text) <= _LONGEST_PATH else f"{text[:_LONGEST_PATH]}..."


def _tensor(raw: bytes | bytearray) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8).copy())
