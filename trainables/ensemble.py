"""Several models of one task as one folder, which answers with the mean of their predictions.

`member-K/` is a sealed model as its own module wrote it; its hash stands in the description, which
is sealed in turn.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainables.errors import AlteredError
from trainables.export import DESCRIPTION, Model, seal, verify

__all__ = ["MODULE", "Ensemble", "load", "mean_of", "pack"]

MODULE = __name__
_FORMAT = 1


def pack(members: Sequence[Path], weights: Sequence[int], module: str, folder: Path) -> str:
    """Move the sealed models `members`, of `module`, into the empty `folder`; its hash.

    `weights`: how often each is counted in the mean.
    """
    described = []
    for number, (member, weight) in enumerate(zip(members, weights, strict=True)):
        name = f"member-{number}"
        described.append({"folder": name, "weight": weight, "hash": verify(member)})
        member.rename(folder / name)
    description = {"format": _FORMAT, "module": MODULE, "of": module, "members": described}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
    return seal(folder)


def load(folder: Path) -> Ensemble:
    """The ensemble that `pack` made. Raises AlteredError, ValueError (another format)."""
    verify(folder)
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if description["format"] != _FORMAT:
        raise ValueError(f"{folder}: format {description['format']}, this code reads {_FORMAT}")
    members = description["members"]
    for member in members:
        if verify(folder / member["folder"]) != member["hash"]:
            raise AlteredError(f"{folder / member['folder']} is not the member that was sealed")
    module = importlib.import_module(description["of"])
    return Ensemble(
        [module.load(folder / member["folder"]) for member in members],
        [member["weight"] for member in members],
        module,
    )


class Ensemble:
    """Its members' mean. `module`: theirs, a `ModelModule` that has `answer_from`."""

    def __init__(self, members: Sequence[Model], weights: Sequence[int], module: Any) -> None:
        self._members, self._weights, self._module = members, weights, module

    def predict(self, inputs: Any) -> np.ndarray:
        """As a member's, (N,) or (N, classes). Raises ValueError."""
        return mean_of([member.predict(inputs) for member in self._members], self._weights)

    def answer(self, inputs: Any) -> dict[str, Any]:
        """What a member answers to such predictions: columns by name, N values each."""
        answers: dict[str, Any] = self._module.answer_from(self.predict(inputs))
        return answers


def mean_of(predictions: Sequence[np.ndarray], weights: Sequence[int]) -> np.ndarray:
    """The weighted mean of runs' predictions, as float32."""
    weighted = [w * p.astype(np.float64) for p, w in zip(predictions, weights, strict=True)]
    mean: np.ndarray = (np.sum(weighted, axis=0) / sum(weights)).astype(np.float32)
    return mean
