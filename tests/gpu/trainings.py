"""Several trainings of CIFAR-10 at once on one card, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.gpu.setting import Setting
from trainables.cnn import Config

__all__ = ["Reached", "Training", "train_together"]

WARM_S = 120.0  # until all processes that share the card have trained an epoch


@dataclass(frozen=True, kw_only=True)
class Training:
    name: str
    config: Config
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A training has finished an epoch."""

    name: str
    epoch: int
    val_accuracy: float
    at: float  # time.monotonic(), one clock for all processes of a machine


def train_together(
    trainings: Sequence[Training],
    setting: Setting,
    *,
    begin_together: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Reached]:
    """Epochs as they end, of all trainings; until the setting's time is over.

    `begin_together`: all wait for each other after their first epoch. `environment`: what each
    sets before CUDA starts. Raises RuntimeError where one fails.
    """
    context = multiprocessing.get_context("forkserver")
    # Imported once for all of them; no CUDA is touched by an import.
    context.set_forkserver_preload(["tests.gpu.trainings", "trainables.cnn.train"])
    warm = context.Barrier(len(trainings), timeout=WARM_S) if begin_together else None
    reached: Any = context.Queue()
    shared = (setting, warm, dict(environment or {}), reached)
    workers = [
        context.Process(target=_train, args=(training, *shared), daemon=True)
        for training in trainings
    ]
    for worker in workers:
        worker.start()
    try:
        yield from _listen(len(trainings), reached, workers, setting)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _listen(
    trainings: int, reached: Any, workers: Sequence[Any], setting: Setting
) -> Iterator[Reached]:
    ended = 0
    while ended < trainings and setting.left_s > 0:
        try:
            heard = reached.get(timeout=1)
        except queue.Empty:
            if any(worker.exitcode for worker in workers):
                codes = [worker.exitcode for worker in workers]
                raise RuntimeError(f"trainings ended with exit codes {codes}") from None
            continue
        if isinstance(heard, str):
            raise RuntimeError(heard)
        ended += heard is None
        if heard is not None:
            yield heard


def _train(
    training: Training,
    setting: Setting,
    warm: Barrier | None,
    environment: dict[str, str],
    reached: Any,
) -> None:
    """In a process of its own."""
    os.environ.update(environment)
    import torch

    from trainables.cnn.device import choose
    from trainables.cnn.train import train

    torch.set_num_threads(1)
    try:
        # By name: one that CUDA turns away must not train on a core instead.
        device = choose("cpu" if setting.rehearse else "cuda")
        epochs = train(
            training.config, setting.images(), seed=0, max_epochs=training.epochs, device=device
        )
        for epoch in epochs:
            # An epoch comes once its metrics are read: the card has done its work.
            reached.put(
                Reached(
                    name=training.name,
                    epoch=epoch.number,
                    val_accuracy=epoch.metrics["val_accuracy"],
                    at=time.monotonic(),
                )
            )
            if epoch.number == 1 and warm is not None:
                warm.wait()
        reached.put(None)
    except Exception as error:
        reached.put(f"{training.name}: {type(error).__name__}: {error}")
