"""The task of tests/curve_task.py, each trial with its own fate, in the order of the trials."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests import curve_task
from tests.curve_task import Config
from trainables import Epoch

FATES = ("killed", "hangs", "preempted", "doomed", "damaged", "fine")


def train(config: Config, data: np.ndarray, **options: Any) -> Iterator[Epoch]:
    """As the curve task, but a trial that `hangs` does so in its third epoch."""
    for epoch in curve_task.train(config, data, **options):
        if config.fault == "hangs" and epoch.number == 3:
            time.sleep(1e6)
        yield epoch


TASK = dataclasses.replace(
    curve_task.TASK,
    name="fates",
    train="tests.fault_task:train",
    points={
        fate: {"x": number / 10, "fault": fate, "epoch_s": 0.2} for number, fate in enumerate(FATES)
    },
    first_points=lambda fixed: FATES,
)
