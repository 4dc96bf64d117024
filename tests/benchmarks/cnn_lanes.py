"""K LeNets in one process, beside a loop each: `python -m tests.benchmarks.cnn_lanes`.

CPU seconds of an epoch of 6,400 images and 500 to evaluate, on one core, four configurations.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable

import torch

from tests.gpu.lane_layers import by_groups, by_patches, one_by_one
from tests.gpu.lanes import Forward, Lanes
from trainables.cnn import Config
from trainables.cnn.data import Data, load, prepare
from trainables.cnn.train import train

TRIALS, EPOCHS = 4, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    whole = load(prepare("cifar10", None).folder)
    data = dataclasses.replace(
        whole.head(6400), val_images=whole.val_images[:500], val_labels=whole.val_labels[:500]
    )
    for _ in range(runs):
        seconds = {"loops": _loops(data)}
        for forward in (by_groups, one_by_one, by_patches):
            seconds[forward.__name__] = _lanes(data, forward)
        print(", ".join(f"{name} {taken:.2f} s" for name, taken in seconds.items()), flush=True)


def _loops(data: Data) -> float:
    loops = [train(Config(), data, seed=n, max_epochs=EPOCHS) for n in range(TRIALS)]
    return _second(lambda: [next(loop) for loop in loops])


def _lanes(data: Data, forward: Forward) -> float:
    lanes = Lanes(data, places=TRIALS, batch_size=Config().batch_size, forward=forward)
    for n in range(TRIALS):
        lanes.put(n, Config(), seed=n, max_epochs=EPOCHS)
    return _second(lanes.epoch)


def _second(epoch: Callable[[], object]) -> float:
    """CPU seconds of the second call."""
    epoch()
    begun = time.process_time()
    epoch()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
