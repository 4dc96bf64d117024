"""What the live view costs: a share of a core, with few workers and with many.

    python -m tests.benchmarks.live_view [--seconds 60]

A study is on record half-way, and goes on by as many epochs a second as its workers would train
(an epoch takes 20 s); who watches it reads, estimates the time left and draws a screen of 120
columns each second. Printed: CPU time of that over the time it stands for; and the CPU time of the
first look, with the first estimate.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

from rich.console import Console

from search.record.record import Record, Study, open_record
from search.reports import live
from search.reports.standing import Follower
from search.tasks.config import StudyConfig
from tests.curve_task import TASK
from tests.search.studies import epoch, segment, session, suggestion

EPOCH_S = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    print(f"{'workers':>8}{'trials':>8}{'of a core':>11}{'first, ms':>11}")
    for workers, trials in ((2, 64), (16, 256), (1000, 4000)):
        with tempfile.TemporaryDirectory() as folder:
            record = open_record(Path(folder), create=True)
            share, first_ms = watch(record, workers, trials, options.seconds)
        print(f"{workers:>8}{trials:>8}{share:>11.2%}{first_ms:>11.0f}")


def watch(record: Record, workers: int, trials: int, seconds: int) -> tuple[float, float]:
    config = StudyConfig(
        name="s", task="tests.curve_task:TASK", dataset="ones", trials=trials, workers=workers,
        baseline=False,
    )  # fmt: skip
    study = record.create(config, {"baselines": {"zero": 0.0}})
    begun = trials // 2
    record.append(study, session("started", trials))
    for number in range(begun):
        record.append(
            study, suggestion(number), segment(number, 1, 1), epoch(number, 1, number / trials)
        )
    follower, console = Follower(record, study, TASK), Console(file=io.StringIO(), width=120)
    follower.read()
    before = time.thread_time()
    _draw(follower, console)
    first_ms = 1000 * (time.thread_time() - before)
    spent, due = 0.0, 0.0
    real = time.time
    for second in range(seconds):
        due += workers / EPOCH_S
        while due >= 1:
            _go_on(record, study, begun, trials)
            begun, due = begun + 1, due - 1
        # The estimate's budget grows with the clock.
        time.time = lambda ahead=second: real() + ahead  # type: ignore[assignment]
        before = time.thread_time()
        _draw(follower, console)
        spent += time.thread_time() - before
        time.time = real
    return spent / seconds, first_ms


def _draw(follower: Follower, console: Console) -> None:
    follower.read()
    console.print(live.screen(follower.standing(), width=120, height=40))


def _go_on(record: Record, study: Study, begun: int, trials: int) -> None:
    if begun < trials:
        record.append(study, suggestion(begun), segment(begun, 1, 1))
        record.append(study, epoch(begun, 1, begun / trials))


if __name__ == "__main__":
    main()
