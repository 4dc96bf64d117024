"""Many LeNets on one card: as processes that take turns, as such at once (MPS), as one process."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping

import torch

from tests.gpu.card import CardWatch
from tests.gpu.lane_layers import by_groups, by_patches, one_by_one
from tests.gpu.lanes import Forward, Lanes
from tests.gpu.mps import NoServiceError, service
from tests.gpu.setting import Row, Setting
from tests.gpu.trainings import Training, train_together
from trainables.cnn import Config
from trainables.cnn import train as loop

__all__ = ["by_lanes", "lanes", "sharing"]

EPOCHS = 4


def sharing(setting: Setting) -> Iterator[Row]:
    """LeNet's default by so many processes at once."""
    for trials in (2,) if setting.rehearse else (1, 2, 4, 8, 16):
        row = _by_processes(trials, setting)
        yield row
        if "failed" in row:
            return


def lanes(setting: Setting) -> Iterator[Row]:
    """As many LeNets by one process, each with values of its own, beside the same by processes."""
    trials = 2 if setting.rehearse else 16
    processes = _by_processes(trials, setting)
    yield processes
    yield _with_mps(trials, setting)
    ways = ((by_groups, False), (by_groups, True), (one_by_one, True), (by_patches, True))
    for forward, graph in ways:
        speed = by_lanes(trials, setting, forward, graph=graph)
        yield {**speed, "of_processes": speed["images_per_s"] / processes["images_per_s"]}
    yield _diverging(setting)


def _by_processes(
    trials: int, setting: Setting, environment: Mapping[str, str] | None = None
) -> Row:
    config, epochs = setting.config("lenet"), 2 if setting.rehearse else EPOCHS
    images = len(setting.images().train_labels)
    trainings = [Training(name=str(n), config=config, epochs=epochs) for n in range(trials)]
    with CardWatch() as before:
        time.sleep(0 if setting.rehearse else 1)
    with CardWatch() as watch:
        together = train_together(
            trainings, setting, begin_together=True, environment=environment or {}
        )
        reached = list(together)
    what = f"{trials} LeNet, a process each"
    if len(reached) < trials * epochs:
        return {"what": what, "failed": "no time for all their epochs"}
    begun = max(one.at for one in reached if one.epoch == 1)
    taken = max(one.at for one in reached) - begun
    idle = before.memory_mib or 0.0
    return {
        "what": what,
        "images_per_s": trials * (epochs - 1) * images / taken,
        "memory_mib_each": (watch.memory_mib - idle) / trials if watch.memory_mib else None,
        "utilisation": watch.utilisation,
    }


def _with_mps(trials: int, setting: Setting) -> Row:
    what = f"{trials} LeNet, a process each, MPS"
    try:
        with service() as environment:
            return {**_by_processes(trials, setting, environment), "what": what}
    except (NoServiceError, RuntimeError) as error:
        # Whether a machine allows it is the machine's, as in a container without its IPC.
        return {"what": what, "not_run": str(error)}


def by_lanes(trials: int, setting: Setting, forward: Forward, *, graph: bool) -> Row:
    """Evaluation included, as of the processes."""
    data, config = setting.images(), setting.config("lenet")
    epochs = 2 if setting.rehearse else EPOCHS
    _forget_peak()
    lanes = Lanes(data, places=trials, batch_size=config.batch_size, forward=forward, graph=graph)
    for place in range(trials):
        lanes.put(place, _own(config, place / trials), seed=place, max_epochs=epochs)
    lanes.epoch()
    begun = time.perf_counter()
    for _ in range(epochs - 1):
        lanes.epoch()
    taken, peak_mib = time.perf_counter() - begun, _peak_mib()
    how = forward.__name__.replace("_", " ") + (", CUDA graph" if graph else "")
    return {
        "what": f"{trials} LeNet, one process, {how}",
        "images_per_s": trials * (epochs - 1) * len(data.train_labels) / taken,
        "memory_mib_each": peak_mib / trials if peak_mib else None,
    }


def _own(config: Config, share: float) -> Config:
    """Values of a lane's own; `share` in [0, 1)."""
    return dataclasses.replace(
        config,
        learning_rate=config.learning_rate * (1 - share / 2),
        weight_decay=config.weight_decay * (1 - share),
        label_smoothing=0.2 * share,
        activation="celu" if share < 0.5 else "relu",
    )


def _diverging(setting: Setting) -> Row:
    """One lane's weights overflow: the others must be the same, bit for bit, as beside a sound one.

    Not to be taken for granted: a kernel may fill up small groups with zeros, and 0 · NaN is NaN.
    """
    data, config = setting.images(), setting.config("lenet")
    wild = dataclasses.replace(config, learning_rate=1e30)
    ends = []
    for second in (config, wild):
        lanes = Lanes(data, places=4, batch_size=config.batch_size)
        for place in range(4):
            lanes.put(place, second if place == 1 else config, seed=place, max_epochs=2)
        lanes.epoch()
        ends.append({place: epoch.metrics for place, epoch in lanes.epoch().items()})
    sound, beside = ends
    moved = [place for place in (0, 2, 3) if sound[place] != beside[place]]
    row: Row = {"what": "a lane diverges", "its_loss": beside[1]["train_loss"], "moved": moved}
    row["loss_off_loop_by"] = _off_loop(config, sound[0]["train_loss"], setting)
    return {**row, "failed": "it moves others"} if moved else row


def _off_loop(config: Config, loss: float, setting: Setting) -> float:
    """Relative difference of the second epoch's training loss, in this machine's number format."""
    *_, last = loop.train(config, setting.images(), seed=0, max_epochs=2)
    return abs(loss / last.metrics["train_loss"] - 1)


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak_mib() -> float | None:
    """Of tensors; the context is that of one process, whatever its lanes."""
    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
