"""Is the time left what a study says it is? On studies replayed from recorded curves and times.

    python -m tests.benchmarks.eta [--studies 200] [--record FOLDER]

Each study (timed_replay.py) has a task's pool, 16 to 128 trials, 1 to 8 workers, named points or
none, and in one of four every tenth trial fails. At 19 moments, each a twentieth of its time, and
after some epochs of the first fifth, what search/decisions/remaining.py says is compared with what
remained. Printed:

coverage      of the 19 moments, how many intervals hold the truth (80 of 100 are meant to)
half-way      the median width of the interval at half the time, as a share of what remained
off by        of all moments after an epoch of both kinds of trial: the worst factor between the
              median estimate and the truth; how many are off by more than 2 (where 10 s or more
              remain, or a twentieth of the study)
plan          before the start, from what ten seconds can measure (an epoch of each named point,
              then of random configurations): how many hold the truth, the high end over the low
              end (median, most)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search.decisions.history import EpochEnd, Event, History, Trial
from search.decisions.remaining import Remaining, measured, planned, remaining
from search.record.record import open_record
from search.tasks.config import StudyConfig
from search.tasks.registry import find_task
from tests.benchmarks.timed_replay import METRIC, NAMED, RESET_S, Pool, pool_of, timed_replay

MOMENTS = 20
CALIBRATION_S = 10.0
TASKS = ("sts", "cnn")
EARLY = (1, 2, 3, 4, 6, 9, 14)  # of the epochs since both kinds of trial have ended one


@dataclass
class Found:
    """Of one study."""

    held: list[bool] = field(default_factory=list)
    half_way: float = np.nan
    factors: list[float] = field(default_factory=list)
    cost_s: list[float] = field(default_factory=list)
    planned: bool = False
    plan_ratio: float = np.nan


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--record", type=Path, help="look at the finished studies of this studies folder instead"
    )
    options = parser.parse_args()
    if options.record:
        look_at_real_ones(options.record)
        return
    every: dict[str, list[Found]] = {task: [] for task in TASKS}
    with ProcessPoolExecutor(options.processes) as pool:
        seeds = [(options.seed, number) for number in range(options.studies)]
        for number, found in enumerate(pool.map(_look, seeds)):
            every[TASKS[number % 2]].append(found)
    print(
        f"{'':6}{'studies':>8}{'coverage':>10}{'half-way':>10}{'off by':>8}{'> 2':>6}{'ms':>6}"
        f"{'plan':>8}{'ratio':>8}{'most':>8}"
    )
    for task in every:
        show(task, every[task])
    show("all", [found for each in every.values() for found in each])


def show(name: str, found: list[Found]) -> None:
    held = np.mean([held for each in found for held in each.held])
    factors = np.array([factor for each in found for factor in each.factors])
    cost_ms = 1000 * np.median([cost for each in found for cost in each.cost_s])
    half_way = np.nanmedian([each.half_way for each in found])
    worst, beyond = factors.max(), int((factors > 2).sum())
    holding = np.mean([each.planned for each in found])
    ratios = [each.plan_ratio for each in found]
    print(
        f"{name:6}{len(found):>8}{held:>10.1%}{half_way:>10.1%}{worst:>8.2f}{beyond:>6}"
        f"{cost_ms:>6.0f}{holding:>8.1%}{np.median(ratios):>8.2f}{max(ratios):>8.2f}",
        flush=True,
    )


def study_of(task: str, random: np.random.Generator) -> tuple[StudyConfig, float]:
    """A configuration, and the share of its trials that fail."""
    config = StudyConfig(
        name="replayed",
        task=task,
        dataset="recorded",
        trials=int(random.choice([16, 32, 64, 128])),
        workers=int(random.choice([1, 2, 2, 4, 8])),
        baseline=bool(random.random() < 0.75),
    )
    return config, 0.1 if random.random() < 0.25 else 0.0


def look_at_real_ones(folder: Path) -> None:
    """Of each study that was driven in one session, from its beginning to its end."""
    record = open_record(folder)
    held: list[bool] = []
    for study in record.studies():
        events = [(at, event) for _, at, event in record.events(study)]
        history = History(events)
        if len(history.spans) != 1 or not history.epochs:
            continue
        task = find_task(study.config.task)
        named = len(task.first_trials(study.config))
        found = Found()
        began, end = events[0][0], max(trial.ended_at for trial in history.trials)
        since = [(at - began, event) for at, event in events]
        look_at(since, end - began, study.config, named, task.metric, task.sign, found)
        held += found.held
        print(
            f"{study.name:20}{np.mean(found.held):>8.0%} of {len(found.held)} moments, half-way "
            f"{found.half_way:.0%}, off by at most {max(found.factors):.2f}, {end - began:.0f} s"
        )
    print(f"{'all':20}{np.mean(held):>8.0%} of {len(held)} moments")


def _look(seed: tuple[int, int]) -> Found:
    return look(TASKS[seed[1] % 2], np.random.default_rng(seed))


def look(task: str, random: np.random.Generator) -> Found:
    config, failing = study_of(task, random)
    pool = pool_of(task)
    events = timed_replay(pool, config, random=random, failing=failing)
    end, found, named = events[-1][0], Found(), NAMED if config.baseline else 0
    known = calibration(pool, named, random)
    before = remaining(
        History(), config, full_length=named, metric=METRIC, sign=1, now=0.0, earlier=known
    )
    assert before is not None
    told = planned(before)
    found.planned = told.low_s <= end <= told.high_s
    found.plan_ratio = told.high_s / told.low_s
    look_at(events, end, config, named, METRIC, 1, found)
    return found


def look_at(
    events: list[tuple[float, Event]],
    end: float,
    config: StudyConfig,
    named: int,
    metric: str,
    sign: int,
    found: Found,
) -> None:
    """At all moments of one study."""
    for at, in_grid, history in moments(events, end, named):
        begun = time.process_time()
        left = remaining(history, config, full_length=named, metric=metric, sign=sign, now=at)
        found.cost_s.append(time.process_time() - begun)
        if left is None:
            continue
        truth = end - at
        if in_grid:
            found.held.append(left.low_s <= truth <= left.high_s)
        if in_grid == MOMENTS // 2:
            found.half_way = (left.high_s - left.low_s) / truth
        if _both_kinds(history, named) and truth > max(10.0, end / MOMENTS):
            found.factors.append(_factor(left, truth))


def calibration(pool: Pool, named: int, random: np.random.Generator) -> list[Trial]:
    """What ten seconds measure."""
    known: list[Trial] = []
    while sum(trial.epochs[0].wall_s for trial in known) < CALIBRATION_S:
        number = len(known)
        drawn = number if number < named else int(random.integers(NAMED, len(pool.epoch_s)))
        metrics = {METRIC: pool.scores[drawn][0]}
        known.append(measured(number, pool.epoch_s[drawn], metrics, RESET_S))
    return known


def moments(
    events: list[tuple[float, Event]], end: float, named: int
) -> Iterator[tuple[float, int, History]]:
    """(time, number of the grid's moment or 0, what is on record then)."""
    history, grid, early = History(), 1, 0
    for at, event in events:
        while grid < MOMENTS and grid * end / MOMENTS < at:
            yield grid * end / MOMENTS, grid, history
            grid += 1
        history.apply(at, event)
        if isinstance(event, EpochEnd) and at < end / 5 and _both_kinds(history, named):
            early += 1
            if early in EARLY:
                yield at, 0, history


def _both_kinds(history: History, named: int) -> bool:
    kinds = {trial.number < named for trial in history.trials if trial.epochs}
    return len(kinds) == (2 if named else 1)


def _factor(left: Remaining, truth: float) -> float:
    return max(left.median_s / truth, truth / max(left.median_s, 1e-9))


if __name__ == "__main__":
    main()
