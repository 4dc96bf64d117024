"""`cnn`, with one trial among others that wants more memory than there is, in its second epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.tasks.registry import find_task
from spaces.cnn import POINTS
from trainables import Epoch, cnn
from trainables.cnn.data import Data

__all__ = ["TASK"]

HEALTHY = ("healthy 1", "healthy 2", "healthy 3")


@dataclass(frozen=True, kw_only=True)
class Config(cnn.Config):
    hungry: bool = False


def train(config: Config, data: Data, **options: Any) -> Iterator[Epoch]:
    from trainables.cnn.device import choose
    from trainables.cnn.train import train as healthy

    for epoch in healthy(config, data, **options):
        if config.hungry and epoch.number == 2:
            _eat(choose().name)
        yield epoch


def _eat(device: str) -> None:
    """All of a card's memory, where a share of it is allowed; of a machine's, more than any has."""
    import torch

    if device == "cpu":
        np.empty(2**60, np.uint8)
    else:
        torch.empty(torch.cuda.mem_get_info()[1], dtype=torch.uint8, device=device)


_LENET = POINTS["lenet"]
TASK = dataclasses.replace(
    find_task("cnn"),
    name="hungry",
    config=Config,
    train="tests.gpu.hungry_task:train",
    points={"hungry": {**_LENET, "hungry": True}, **dict.fromkeys(HEALTHY, _LENET)},
    first_points=lambda fixed: ("hungry", *HEALTHY),
)
