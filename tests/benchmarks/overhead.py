"""What the service itself costs: trials of a training function that does nothing.

    python -m tests.benchmarks.overhead [--trials 2000] [--workers 2]

Prints the driver's CPU milliseconds a trial, split into the record and the sampler, our other
decisions, and the rest, which is Ray; the growth of its memory; and, for a long run (--trials
5000: a soak), the time a trial takes at the end against that at 500 (by the clock, and in CPU
seconds of the driver, which other programs disturb less), files, threads and connections then and
at the end, and how long MLflow takes to be complete afterwards.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from search.driver import begin
from search.driver import searcher as searcher_module
from search.driver.run import drive
from search.driver.searcher import StudySearcher
from search.record.record import Record, open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
from search.tracking import delivery

TASK = "tests.curve_task:TASK"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = str(Path.cwd())  # where workers find the task
        os.chdir(folder)
        for name, value in measure(options.trials, options.workers).items():
            print(f"{name:<52}{value:>12.4g}", flush=True)


def measure(trials: int, workers: int) -> dict[str, float]:
    task = find_task(TASK)
    record = open_record(Path("studies"), create=True)
    config = StudyConfig(
        name="overhead", task=TASK, dataset="ones", trials=trials, workers=workers,
        max_epochs=1, scheduler="none", baseline=False,
    )  # fmt: skip
    prepared = begin.prepare(task, config)
    study = begin.create(record, config, task, prepared)
    spent = {"record": 0.0, "sampler": 0.0, "searcher": 0.0}
    _timed(Record, "append", spent, "record")
    _timed(searcher_module, "suggest", spent, "sampler")
    for method in ("suggest", "on_trial_result", "on_trial_complete"):
        _timed(StudySearcher, method, spent, "searcher")
    marks = _Marks()
    _after(StudySearcher, "on_trial_complete", marks.trial_ended)
    followers: list[Any] = []
    cpu = time.process_time()
    drive(
        record, study, task, prepared, trials=trials,
        on_started=lambda: followers.append(delivery.start(record, study)),
    )  # fmt: skip
    cpu = time.process_time() - cpu
    ended = time.monotonic()
    delivered = followers[0].wait(600)
    lag = time.monotonic() - ended
    ours = spent["searcher"]
    per_trial = 1000 / trials
    result = {
        "trials": trials,
        "driver CPU a trial, ms": cpu * per_trial,
        "  Ray, ms": (cpu - ours) * per_trial,
        "  record and sampler, ms": (spent["record"] + spent["sampler"]) * per_trial,
        "  our other decisions, ms": (ours - spent["record"] - spent["sampler"]) * per_trial,
        "wall a trial, ms": marks.wall_s(0, trials) * 1000 / trials,
        "MLflow complete": float(delivered),
        "  after the last trial, s": lag,
    }
    if trials >= 500:
        early, late = (400, 600), (trials - 200, trials)
        result["time a trial at the end / at 500"] = marks.wall_s(*late) / marks.wall_s(*early)
        result["  driver CPU, the same"] = marks.cpu_s(*late) / marks.cpu_s(*early)
        first, last = marks.at(500 if trials > 600 else 100), marks.at(trials)
        grown = last["memory, KiB"] - first["memory, KiB"]
        result["memory growth a trial, KiB"] = grown / (last["trial"] - first["trial"])
        for name in ("files", "threads", "connections"):
            result[f"{name} at {first['trial']:.0f}"] = first[name]
            result[f"{name} at the end"] = last[name]
    return result


class _Marks:
    """When each trial ended, and what the driver held every 100 trials."""

    def __init__(self) -> None:
        self.times, self.cpu_times = [time.monotonic()], [time.process_time()]
        self.held: dict[int, dict[str, float]] = {}
        self._process = psutil.Process()

    def trial_ended(self) -> None:
        self.times.append(time.monotonic())
        self.cpu_times.append(time.process_time())
        ended = len(self.times) - 1
        if ended % 100 == 0:
            self.held[ended] = {
                "trial": ended,
                "memory, KiB": self._process.memory_info().rss / 1024,
                "files": self._process.num_fds(),
                "threads": self._process.num_threads(),
                "connections": len(self._process.net_connections()),
            }

    def wall_s(self, first: int, last: int) -> float:
        return _between(self.times, first, last)

    def cpu_s(self, first: int, last: int) -> float:
        return _between(self.cpu_times, first, last)

    def at(self, trial: int) -> dict[str, float]:
        return self.held[max(mark for mark in self.held if mark <= trial)]


def _between(times: list[float], first: int, last: int) -> float:
    return times[min(last, len(times) - 1)] - times[max(first, 1)]


def _timed(owner: Any, name: str, spent: dict[str, float], key: str) -> None:
    function: Callable[..., Any] = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        begun = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[key] += time.thread_time() - begun

    setattr(owner, name, timed)


def _after(owner: Any, name: str, then: Callable[[], None]) -> None:
    function: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        then()
        return result

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    main()
