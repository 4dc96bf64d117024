"""Data that lie in memory, and the hash of their content."""

from __future__ import annotations

import datetime
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from search.errors import UserError
from trainables.data import Prepared

__all__ = ["InMemoryData"]


@dataclass(frozen=True, kw_only=True)
class InMemoryData:
    """A DataModule for data that is made or read in no time: nothing is prepared or cached."""

    make: Callable[[], Any]
    labels: Callable[[Any], np.ndarray]
    objective: Callable[[np.ndarray, np.ndarray], float]
    baselines: Callable[[Any], dict[str, np.ndarray]] = lambda data: {}
    DATASETS: tuple[str, ...] = ("default",)

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        made = self.load(Path("."))
        digest = hashlib.sha256(_source(self.make).encode())
        try:
            for part in _parts((self.labels(made), made)):
                digest.update(part)
        except RecursionError:
            raise UserError("data in memory must not hold themselves") from None
        return Prepared(folder=Path("."), hash=digest.hexdigest())

    def load(self, folder: Path) -> Any:
        return _made(self.make)


def _source(make: Callable[[], Any]) -> str:
    try:
        return inspect.getsource(make)
    except (TypeError, OSError):  # partial(...), or typed at a prompt
        return ""


_TOLD = (str, bytes, int, float, complex, datetime.date, datetime.timedelta, PurePath, range)


def _parts(data: Any) -> Iterator[bytes]:
    """All that data are made of. Raises ValueError for what has no content that can be told."""
    yield type(data).__qualname__.encode()
    if hasattr(data, "to_pandas"):  # a table of Arrow
        data = data.to_pandas()
    if data is None or isinstance(data, _TOLD):
        yield repr(data).encode()
    elif isinstance(data, Mapping) or hasattr(data, "columns"):  # or a table of pandas
        for name in sorted(data, key=repr):
            yield repr(name).encode()
            yield from _parts(data[name])
    elif isinstance(data, list | tuple):
        yield repr(len(data)).encode()
        for inner in data:
            yield from _parts(inner)
    elif hasattr(data, "__array__"):  # a tensor, a series
        array = _array(data)
        yield f"{array.dtype} {array.shape}".encode()
        if array.dtype.hasobject:
            yield from _parts(array.ravel().tolist())
        else:
            yield array.tobytes()
    elif callable(data) and hasattr(data, "__qualname__"):  # a function, as a transform is one
        yield f"{data.__module__} {data.__qualname__} {_source(data)}".encode()
    elif getattr(data, "__dict__", None):  # as a torch Dataset
        yield from _parts(vars(data))
    else:
        raise UserError(
            "data in memory are arrays, tensors, tables, numbers, texts, and what holds these, so "
            f"that a study knows its own; got {type(data).__qualname__}"
        )


def _array(data: Any) -> np.ndarray:
    """Raises ValueError. A tensor may be on a card, have a gradient, or a type of its own."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        data = data.float() if "bfloat16" in str(data.dtype) else data
    try:
        return np.asarray(data)
    except (TypeError, RuntimeError) as error:
        raise UserError(f"data in memory cannot be read as arrays: {error}") from None


@functools.lru_cache(maxsize=4)
def _made(make: Callable[[], Any]) -> Any:
    return make()
