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
from search.tasks.user_code import user_code
from trainables.data import Prepared

__all__ = ["InMemoryData"]


@dataclass(frozen=True, kw_only=True)
class InMemoryData:
    """A DataModule for data that are quick to make or read: nothing is prepared or cached.

    N validation examples. Predictions are (N,) or (N, classes), in the order of the labels.
    """

    # The data, in any form that the training function takes; called once a process. They are
    # hashed: arrays, tensors, tables, numbers, texts, and what holds these.
    make: Callable[[], Any]
    # Data → validation labels (N,).
    labels: Callable[[Any], np.ndarray]
    # Labels (N,) and predictions → the objective, a number.
    objective: Callable[[np.ndarray, np.ndarray], float]
    # The same → (N,) numbers whose mean is the objective: of an accuracy `labels == predictions`.
    # Not needed: without it intervals take some seconds where examples are many.
    per_example: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    # Data → validation predictions of what needs no training, by name.
    baselines: Callable[[Any], dict[str, np.ndarray]] = lambda data: {}
    DATASETS: tuple[str, ...] = ("default",)

    def prepare(self, dataset: str, data_dir: Path | None) -> Prepared:
        """Make the data and hash their content. Raises UserError for what cannot be hashed."""
        made = self.load(Path("."))
        digest = hashlib.sha256(_source(self.make).encode())
        try:
            for part in _content((self.labels(made), made)):
                digest.update(part)
        except RecursionError:
            raise UserError("data in memory must not hold themselves") from None
        return Prepared(folder=Path("."), hash=digest.hexdigest())

    def load(self, folder: Path) -> Any:
        """The data; `folder` is not used."""
        return _made_once(self.make)


def _source(make: Callable[[], Any]) -> str:
    try:
        return inspect.getsource(make)
    except (TypeError, OSError):  # of partial(...), or typed at a prompt
        return ""


_PLAIN_TYPES = (str, bytes, int, float, complex, datetime.date, datetime.timedelta, PurePath, range)


def _content(data: Any) -> Iterator[bytes]:
    """Bytes of all that data are made of. Raises UserError for what has no content to hash."""
    yield type(data).__qualname__.encode()
    if hasattr(data, "to_pandas"):  # a table of Arrow
        data = data.to_pandas()
    if data is None or isinstance(data, _PLAIN_TYPES):
        yield repr(data).encode()
    elif isinstance(data, Mapping) or hasattr(data, "columns"):  # or a table of pandas
        for name in sorted(data, key=repr):
            yield repr(name).encode()
            yield from _content(data[name])
    elif isinstance(data, list | tuple):
        yield repr(len(data)).encode()
        for inner in data:
            yield from _content(inner)
    elif hasattr(data, "__array__"):  # a tensor, a series
        array = _array(data)
        yield f"{array.dtype} {array.shape}".encode()
        if array.dtype.hasobject:
            yield from _content(array.ravel().tolist())
        else:
            yield array.tobytes()
    elif callable(data) and hasattr(data, "__qualname__"):  # a function, as a transform is one
        yield f"{data.__module__} {data.__qualname__} {_source(data)}".encode()
    elif getattr(data, "__dict__", None):  # as a torch Dataset
        yield from _content(vars(data))
    else:
        raise UserError(
            "data in memory are arrays, tensors, tables, numbers, texts, and what holds these, so "
            f"that a study knows its own; got {type(data).__qualname__}"
        )


def _array(data: Any) -> np.ndarray:
    """Raises UserError. A tensor may be on a card, have a gradient, or a type of its own."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        data = data.float() if "bfloat16" in str(data.dtype) else data
    try:
        return np.asarray(data)
    except (TypeError, RuntimeError) as error:
        raise UserError(f"data in memory cannot be read as arrays: {error}") from None


@functools.lru_cache(maxsize=4)
def _made_once(make: Callable[[], Any]) -> Any:
    with user_code("the data cannot be made"):
        return make()
