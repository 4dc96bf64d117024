"""Training functions: plain PyTorch that knows nothing of who consumes it.

A training function is a generator of epochs:

    for epoch in train(config, data, seed=7, max_epochs=9):
        print(epoch.number, epoch.metrics)

Whoever iterates decides when to stop, which is all that early stopping needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

__all__ = ["Epoch", "State", "TrainingFunction"]

State = Mapping[str, Any]
"""What `checkpoint.save` can write: nested dicts, lists and tuples of tensors, NumPy arrays and
scalars, numbers, strings, bytes, None."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One finished pass over the training split, evaluated on the validation split."""

    number: int  # 1 for the first
    metrics: Mapping[str, float]  # plain floats; the task's objective is one of them
    # All that is needed to go on bit for bit: model, optimiser, schedule, epoch, generators.
    # Valid until the next epoch is asked for. Frozen tensors are not in it.
    state: Callable[[], State]
    # Of the validation split, in its order: (N,) scores or (N, classes) probabilities, float32
    predictions: Callable[[], np.ndarray]


class TrainingFunction(Protocol):
    """`train(config, data, seed=…, max_epochs=…, resume_from=…)`, a generator of `Epoch`.

    The same arguments give the same epochs, bit for bit, on one machine type and thread count;
    `resume_from` (an earlier epoch's state) goes on with the epoch after it, as if never stopped.
    `max_epochs` fixes the horizon of schedules, so that two trials are comparable at any epoch;
    a consumer may stop before it. A loss that is not finite is reported as it is, in the metrics.
    """

    def __call__(
        self,
        config: Any,
        data: Any,
        *,
        seed: int,
        max_epochs: int,
        resume_from: State | None = None,
    ) -> Iterator[Epoch]: ...
