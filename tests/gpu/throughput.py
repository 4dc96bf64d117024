"""What only a GPU can show, `python -m tests.benchmarks.gpu`: throughput, sharing, accuracy.

Throughput of both models in images a second, for ResNet-18 also as a share of what the card
reaches in a large bfloat16 matrix product; several processes sharing the card; and, with
`--accuracy`, ResNet-18 by the report's best row and by our default after 30 epochs (validation).
Not yet run on a GPU: nothing here is verified.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from typing import Any

import torch

from spaces.cnn import POINTS
from trainables.cnn import Config
from trainables.cnn.data import load, prepare
from trainables.cnn.device import choose
from trainables.cnn.train import train

RESNET_FLOP = 3 * 2 * 555_422_720  # an image: multiply-adds of a forward pass, ×2, and backward ×2
WARM_S = 300  # until all processes that share the card have trained an epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5, help="timed epochs, after one to warm up")
    parser.add_argument("--sharing", type=int, default=4, help="processes that share the card")
    parser.add_argument("--accuracy", action="store_true", help="30 epochs of ResNet-18, twice")
    options = parser.parse_args()
    try:
        device = choose("cuda")
    except ValueError as error:
        raise SystemExit(str(error)) from None
    peak = peak_flops()
    print(f"{torch.cuda.get_device_name()}, bfloat16 {device.bfloat16}, {peak / 1e12:.0f} TFLOP/s")
    for model in ("lenet", "resnet18"):
        speed = images_per_second(model, options.epochs)
        share = f", {speed * RESNET_FLOP / peak:.0%} of that" if model == "resnet18" else ""
        print(f"{model}: {speed:,.0f} images/s, median of {options.epochs} epochs{share}")
    speed = together("lenet", options.epochs, options.sharing)
    print(f"lenet, {options.sharing} processes on the card: {speed:,.0f} images/s together")
    if options.accuracy:
        for name in ("report Res18+CELU+LS", "resnet18"):
            data = load(prepare("cifar10", None).folder)
            *_, last = train(Config(**POINTS[name]), data, seed=0, max_epochs=30)
            print(f"{name}: {last.metrics['val_accuracy']:.4f} validation, 30 epochs, n = 1")


def images_per_second(model: str, epochs: int) -> float:
    """Of training, evaluation included, over `epochs` epochs after the first."""
    data = load(prepare("cifar10", None).folder)
    times = [time.perf_counter()]
    for _ in train(config_of(model), data, seed=0, max_epochs=epochs + 1):
        torch.cuda.synchronize()
        times.append(time.perf_counter())
    taken = [end - start for start, end in itertools.pairwise(times[1:])]
    return len(data.train_labels) / median(taken)


def together(model: str, epochs: int, processes: int, dataset: str = "cifar10") -> float:
    """Images a second of so many processes at once, each over `epochs` epochs after the first.

    All their images, over the time from the first one's start to the last one's end.
    """
    context = multiprocessing.get_context("spawn")
    warm, spans = context.Barrier(processes, timeout=WARM_S), context.SimpleQueue()
    work = (model, epochs, prepare(dataset, None).folder, warm, spans)
    workers = [context.Process(target=share, args=work) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process that shares the card has failed")
    images, starts, ends = zip(*(spans.get() for _ in workers), strict=True)
    return sum(images) / (max(ends) - min(starts))


def share(model: str, epochs: int, folder: Path, warm: Barrier, spans: Any) -> None:
    """One of the processes: train once all of them are warm; puts images, start and end."""
    data = load(folder)
    training = train(config_of(model), data, seed=0, max_epochs=epochs + 1)
    next(training)
    warm.wait()
    start = time.monotonic()  # one clock for all processes of a machine
    for _ in training:  # an epoch comes once its metrics are read: the card has done its work
        pass
    spans.put((epochs * len(data.train_labels), start, time.monotonic()))


def config_of(model: str) -> Config:
    return Config(model=model, batch_size=512, augmentation="crop_flip")


def peak_flops(size: int = 8192, repeats: int = 20) -> float:
    """What the card reaches: a bfloat16 product of two matrices, FLOP/s."""
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        a @ a
    torch.cuda.synchronize()
    return repeats * 2 * size**3 / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
