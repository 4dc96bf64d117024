"""How long an epoch takes here, measured before a study: some epochs of some configurations.

Processes of their own train, as many at a time as the study would on this machine, each its share
of the named points and of random draws, one epoch each, until the time is over.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from search.decisions.history import Trial
from search.decisions.remaining import measured
from search.decisions.sampler import RefusedDrawError, draw_at_random
from search.driver.metrics import plain_metrics
from search.errors import UserError
from search.machines.gpus import gpu_count
from search.machines.machine import default_workers
from search.tasks.config import StudyConfig, Value
from search.tasks.registry import find_task
from search.tasks.task import Task
from trainables.data import Prepared
from trainables.seeding import derive
from trainables.test_split_lock import keep_test_split_locked

__all__ = ["calibrate"]

SECONDS = 10.0  # of training
PATIENCE_S = 90.0  # for the first epoch's end, the processes' start included


def calibrate(config: StudyConfig, prepared: Prepared, seconds: float | None = None) -> list[Trial]:
    """What was measured; none where no epoch ends in time. Numbers below that of the named points
    are theirs. What the task prints goes nowhere."""
    fit = default_workers(config.cpus_per_trial, config.gpus_per_trial, gpu_count())
    count = min(config.workers, fit)
    processes = [_start(config, prepared, share, count) for share in range(count)]
    try:
        return list(_measured(processes, SECONDS if seconds is None else seconds))
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _start(
    config: StudyConfig, prepared: Prepared, share: int, count: int
) -> subprocess.Popen[bytes]:
    asked = {"config": config.as_dict(), "folder": str(prepared.folder), "every": [share, count]}
    process = subprocess.Popen(
        [sys.executable, "-m", "search.driver.calibration", json.dumps(asked)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return process


def _measured(processes: list[subprocess.Popen[bytes]], seconds: float) -> Iterator[Trial]:
    ends = time.monotonic() + PATIENCE_S
    training = False
    with DefaultSelector() as selector:
        for process in processes:
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            selector.register(process.stdout, EVENT_READ, [b""])
        while selector.get_map() and (left_s := ends - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                read = os.read(key.fd, 2**16)
                if not read:
                    selector.unregister(key.fileobj)
                    continue
                *lines, key.data[0] = (key.data[0] + read).split(b"\n")
                for line in lines:
                    yield measured(**json.loads(line))
                    if not training:
                        training, ends = True, time.monotonic() + seconds


def _configurations(task: Task, config: StudyConfig) -> Iterator[tuple[int, dict[str, Value]]]:
    """The named points, then random draws."""
    named = task.first_trials(config)
    yield from ((number, values) for number, (_, values) in enumerate(named))
    seed = derive(config.seed, "calibration")
    for number in range(len(named), 10_000):
        try:
            drawn = draw_at_random(number, space=task.space, fixed=config.fixed, seed=seed)
            yield number, task.configure({**config.fixed, **drawn})
        except (RefusedDrawError, UserError):
            continue


def _train(asked: dict[str, Any]) -> None:
    """In a process of its own: tell of each epoch in a line of JSON."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import torch

    config = StudyConfig(**asked["config"])
    keep_test_split_locked()
    torch.set_num_threads(config.cpus_per_trial)
    if not config.gpus_per_trial:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    task = find_task(config.task)
    data = task.data.load(Path(asked["folder"]))
    share, count = asked["every"]
    warm = False
    for number, values in _configurations(task, config):
        if number % count == share:
            warm = _tell(task, config, data, number, values, warm, told) or warm


def _tell(
    task: Task,
    config: StudyConfig,
    data: Any,
    number: int,
    values: dict[str, Value],
    warm: bool,
    told: Any,
) -> bool:
    """Train an epoch; of the first of a process, which imports, a second one if it is short."""
    try:
        begun = time.monotonic()
        epochs = task.training_function()(
            task.config(**values),
            data,
            seed=derive(config.seed, "calibration", number),
            max_epochs=config.max_epochs,
        )
        for again in (not warm, False):
            reset_s, begun = time.monotonic() - begun, time.monotonic()
            epoch = next(epochs)
            epoch_s = time.monotonic() - begun
            if not again or epoch_s > SECONDS / 4 or config.max_epochs == 1:
                break
            begun = time.monotonic()
        metrics = plain_metrics(epoch.metrics, epoch.number, objective=task.metric)
    except (Exception, SystemExit):  # a trial that fails
        return False
    if math.isfinite(metrics[task.metric]):
        line = {"number": number, "epoch_s": epoch_s, "metrics": metrics, "reset_s": reset_s}
        print(json.dumps(line), file=told, flush=True)
    return True


if __name__ == "__main__":
    _train(json.loads(sys.argv[1]))
