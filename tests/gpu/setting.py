"""What each step of `tests/gpu/check` is given: time, a folder, and how large things are."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaces.cnn import POINTS
from trainables.cnn import Config
from trainables.cnn.data import Data, load, prepare

__all__ = ["ROOT", "Row", "Setting", "Step"]

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]
"""What one measurement gave, by name. One called `failed` says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`rehearse`: on a machine without a GPU, so small that it takes seconds."""

    rehearse: bool
    work: Path  # where studies are, kept from call to call
    deadline: float  # time.monotonic() at which a step is ended

    @property
    def left_s(self) -> float:
        return self.deadline - time.monotonic()

    def images(self) -> Data:
        """CIFAR-10, split 45,000 / 5,000; in a rehearsal a few made ones."""
        if not self.rehearse:
            return load(prepare("cifar10", None).folder)
        data = load(prepare("toy", None).folder)
        _, one_of_each = np.unique(data.val_labels, return_index=True)
        return dataclasses.replace(
            data.head(8),
            val_images=data.val_images[one_of_each],
            val_labels=data.val_labels[one_of_each],
        )

    def config(self, point: str) -> Config:
        """A named point of the space."""
        config = Config(**POINTS[point])
        return dataclasses.replace(config, batch_size=4) if self.rehearse else config


Step = Callable[[Setting], Iterator[Row]]
