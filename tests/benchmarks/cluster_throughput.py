"""Whether many workers are kept at work: trials that sleep, on 16 logical CPUs of a real Ray.

    python -m tests.benchmarks.cluster_throughput [--trials 2000] [--seconds 4] [--workers 16]

Prints wall time over the ideal one, trials · seconds / workers: whole, from before Ray's start to
after its end, and from the first trial's start to the last one's end; at most 1.15 is asked for.
The tracking's lag is how long MLflow takes to be complete after the last trial.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from search.driver import begin
from search.driver.run import drive
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
from search.tracking import delivery

TASK = "tests.curve_task:TASK"
MOST = 1.15  # times the ideal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0, help="that a trial sleeps")
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = str(Path.cwd())  # where workers find the task
        os.chdir(folder)
        for name, value in measure(options.trials, options.seconds, options.workers).items():
            print(f"{name:<52}{value:>12.4g}", flush=True)


def measure(trials: int, seconds: float, workers: int) -> dict[str, float]:
    task = find_task(TASK)
    record = open_record(Path("studies"), create=True)
    config = StudyConfig(
        name="throughput", task=TASK, dataset="ones", trials=trials, workers=workers,
        max_epochs=1, scheduler="none", baseline=False, fixed={"epoch_s": seconds},
    )  # fmt: skip
    prepared = begin.prepare(task, config)
    study = begin.create(record, config, task, prepared)
    followers: list[Any] = []
    started, cpu = time.monotonic(), time.process_time()
    drive(
        record, study, task, prepared, trials=trials,
        on_started=lambda: followers.append(delivery.start(record, study)),
    )  # fmt: skip
    ended, cpu = time.monotonic(), time.process_time() - cpu
    delivered = followers[0].wait(1200)
    lag = time.monotonic() - ended
    history = record.history(study)
    begun = min(trial.started_at for trial in history.trials)
    training = max(trial.ended_at for trial in history.trials) - begun
    ideal = trials * seconds / workers
    return {
        "trials that ended": sum(trial.epoch for trial in history.trials),
        "ideal, s": ideal,
        f"whole run, times the ideal (at most {MOST})": (ended - started) / ideal,
        "first start to last end, times the ideal": training / ideal,
        "driver CPU a trial, ms": 1000 * cpu / trials,
        "MLflow complete": float(delivered),
        "  after the last trial, s": lag,
    }


if __name__ == "__main__":
    main()
