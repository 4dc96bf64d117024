"""CPU seconds of the epochs of the pool's configurations, measured once and kept as a data file.

    python -m tests.benchmarks.epoch_times sts|cnn [--epochs 3]

Of each configuration of tests/benchmarks/curves, one thread; the file lacks what was not measured
yet. An epoch's CPU time is what a quiet core would take; the first one of a process is left out, as
it imports.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

__all__ = ["epoch_times"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("sts", "cnn"))
    parser.add_argument("--epochs", type=int, default=3, help="of each configuration (3)")
    options = parser.parse_args()
    measure(options.task, options.epochs)


def measure(name: str, epochs: int) -> None:
    import torch

    from search.tasks.registry import find_task
    from tests.benchmarks.learning_curves import MAX_EPOCHS, file_of, read

    torch.set_num_threads(1)
    task = find_task(name)
    data = task.data.load(task.data.prepare(task.data.DATASETS[0], None).folder)
    times = epoch_times(name) if _file_of(name).exists() else []
    for curve in read(file_of(name))[len(times) :]:
        training = task.training_function()(
            task.config(**curve.config), data, seed=curve.seed, max_epochs=MAX_EPOCHS
        )
        taken: list[float] = []
        if not times:
            next(training)
        for _ in range(epochs):
            begun = time.process_time()
            next(training)
            taken.append(round(time.process_time() - begun, 3))
        times.append(taken)
        _file_of(name).write_text("[\n" + ",\n".join(map(json.dumps, times)) + "\n]\n")
        print(len(times), taken, flush=True)


def epoch_times(name: str) -> list[list[float]]:
    """Of each configuration of the pool, in its order: seconds of its first epochs."""
    times: list[list[float]] = json.loads(_file_of(name).read_text())
    return times


def _file_of(name: str) -> Path:
    return Path(__file__).parent / "curves" / f"{name}_epoch_times.json"


if __name__ == "__main__":
    main()
