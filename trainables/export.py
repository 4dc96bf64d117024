"""Models as folders that outlive their training: plain files, and a sum of each.

A folder holds safetensors and JSON only, so that loading one never runs code from it, and
`SHA256SUMS`, which `sha256sum -c` reads too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trainables import State
from trainables.errors import AlteredError

__all__ = ["DESCRIPTION", "Model", "ModelModule", "seal", "verify"]

DESCRIPTION = "model.json"  # format, the module that loads it, configuration
_SUMS = "SHA256SUMS"


class Model(Protocol):
    """A trained model, ready for what a user has."""

    def predict(self, inputs: Any) -> np.ndarray:
        """As a trial's validation predictions, (N,) or (N, classes). Raises ValueError."""
        ...

    def answer(self, inputs: Any) -> dict[str, Any]:
        """What a user gets: columns by name, N values each. Raises ValueError."""
        ...


class ModelModule(Protocol):
    """The module of a task that turns a training function's state into a `Model`."""

    def export(self, config: Any, data: Any, state: State, folder: Path) -> None:
        """Write the model into the empty `folder`, and seal it."""
        ...

    def load(self, folder: Path) -> Model:
        """Raises AlteredError."""
        ...

    def example(self) -> Any:
        """Two inputs, in the form that `Model.predict` takes."""
        ...

    def typed(self, arguments: Sequence[str]) -> Any:
        """Inputs as typed on a command line. Raises ValueError, OSError."""
        ...

    # It may have `answer_from(predictions)`, too: the columns that `Model.answer` gives for such
    # predictions. An ensemble needs it, which answers with the mean of its members' predictions.


def seal(folder: Path) -> str:
    """Write the SHA-256 of every file in `folder`; the model's hash, in hexadecimal."""
    lines = [f"{_sha256(path)}  {path.name}\n" for path in _files(folder)]
    (folder / _SUMS).write_text("".join(lines), encoding="utf-8")
    return verify(folder)


def verify(folder: Path) -> str:
    """The model's hash, as `seal` gave it. Raises AlteredError where a file is another."""
    try:
        sums = (folder / _SUMS).read_text(encoding="utf-8")
    except OSError:
        raise AlteredError(f"{folder} is no model of ours: it has no {_SUMS}") from None
    sealed = {line[66:]: line[:64] for line in sums.splitlines()}  # sum, two spaces, name
    found = {path.name: _sha256(path) for path in _files(folder)}
    differing = sorted(
        name for name in sealed.keys() | found if sealed.get(name) != found.get(name)
    )
    if differing:
        raise AlteredError(f"{folder} was altered since it was sealed: {', '.join(differing)}")
    return hashlib.sha256(sums.encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != _SUMS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
