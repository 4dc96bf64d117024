"""States as tensors, text, numbers, lists and dicts alone, which load without running code.

NumPy arrays and scalars and bytes become tensors of bytes, in a dict that is marked; arrays in the
format of `.npy` files, without objects.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any

import numpy as np
import torch

__all__ = ["decode", "encode"]

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
        if _MARK in value:
            return _marked("dict", [list(item) for item in encoded.items()])
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
        return {key: decode(each) for key, each in content}
    raw = content.numpy().tobytes()
    if kind in ("bytes", "bytearray"):
        return raw if kind == "bytes" else bytearray(raw)
    array = np.load(io.BytesIO(raw), allow_pickle=False)
    return array[()] if kind == "scalar" else array


def _tensor(raw: bytes | bytearray) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8).copy())
