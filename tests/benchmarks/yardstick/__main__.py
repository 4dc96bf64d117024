"""Which way to search needs the fewest epochs? On public curves, by a virtual clock.

    python -m tests.benchmarks.yardstick [--tasks 46] [--seeds 3] [--workers 1,4] [--trials 64]
                                         [--max-epochs 9] [--methods NAME,…] [--each]

LCBench's surrogate (34 tasks) and TaskSet (12): curves.py. Ours are the decisions and the sampler
that a driver calls (ours.py), peers are used as they document it (peers.py), and all have the same
tasks, seeds, workers and seconds. `--max-epochs` reads the curves at so many points, as of a job
that has few epochs. "Perfect foresight" knows how a curve ends once it has an epoch of it: what
extrapolation could bring, to be held against ASHA + random, which has the same configurations
(`--reference "ASHA + random"`).

The reference is today's ASHA + TPE with `--trials`; every method then goes on until it has trained
twice the reference's epochs, ours as a study that is extended to twice its trials. Regret is 0 for
the best that is known of a task and 1 for what a random configuration comes to (its median), or
worse; it is that of the best trial trained in full, which is what can be promoted; "seen" that of
the best score at any epoch, as papers have it. Shown, each an interquartile mean over tasks and
seeds (95% by bootstrap of both):

regret       at a quarter, at half and at all of the reference's epochs; then of its time
to the goal  epochs to the reference's final score (the median of its seeds), as a share of the
             reference's: over tasks, each the median of its seeds (2: not within twice); of the
             worst task; then in time
ms, trials   CPU of decisions, a trial begun; trials begun

Needs `pip install -e .[benchmarks]`.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

from tests.benchmarks.yardstick.curves import Problem, names, problem, thinned
from tests.benchmarks.yardstick.ours import Foresight, Ours, config_of
from tests.benchmarks.yardstick.peers import PEERS
from tests.benchmarks.yardstick.regret import MOMENTS, Goal, Row, goal_of, interval, iqm, row
from tests.benchmarks.yardstick.simulator import Method, Trace, simulate

TODAY = "ASHA + TPE"
OURS: dict[str, dict[str, object]] = {
    TODAY: {},
    "ASHA published + TPE": {"scheduler": "asha-published"},
    "Hyperband + TPE": {"scheduler": "hyperband"},
    "ASHA + random": {"sampler": "random"},
}


@dataclass(frozen=True)
class Job:
    """One study."""

    task: str
    seed: int
    workers: int
    method: str
    trials: int
    max_epochs: int | None
    goal: Goal | None = None  # None: a reference, from beginning to end


def _ours(options: dict[str, object]) -> Callable[[Problem, Job], Method]:
    def new(chosen: Problem, job: Job) -> Method:
        config = config_of(chosen, seed=job.seed, workers=job.workers, trials=job.trials, **options)
        return Ours(chosen, config, extended=2 * job.trials if job.goal else 0)

    return new


METHODS: dict[str, Callable[[Problem, Job], Method]] = {
    **{name: _ours(options) for name, options in OURS.items()},
    "perfect foresight": lambda chosen, job: Foresight(chosen, job.seed),
    **{name: lambda chosen, job, new=new: new(chosen, job.seed) for name, new in PEERS.items()},
}


def main() -> None:
    options = _options()
    tasks = [name for name in names() if options.only in name][: options.tasks]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"optuna {version('optuna')}, onnxruntime {version('onnxruntime')}")
    with ProcessPoolExecutor(options.processes) as pool:
        for workers in options.workers:
            _compare(pool, tasks, seeds, workers, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=46, help="so many of them")
    parser.add_argument("--only", default="", help="of those with this in their names")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=_numbers, default=[1, 4])
    parser.add_argument("--trials", type=int, default=64, help="of the reference")
    parser.add_argument("--max-epochs", type=int, help="so many points of a curve (all)")
    parser.add_argument("--reference", default=TODAY, choices=OURS)
    parser.add_argument(
        "--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS)} (all)"
    )
    parser.add_argument("--each", action="store_true", help="the share of each task, too")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _compare(
    pool: ProcessPoolExecutor,
    tasks: list[str],
    seeds: range,
    workers: int,
    options: argparse.Namespace,
) -> None:
    reference, trials, max_epochs = options.reference, options.trials, options.max_epochs
    jobs = [Job(task, 0, workers, reference, trials, max_epochs) for task in tasks]
    references = _run(pool, jobs, seeds)
    goals = [goal_of(reference) for reference in references]
    epochs = [goal.epochs for goal in goals]
    print(
        f"\n{workers} workers, {len(tasks)} tasks × {len(seeds)} seeds; {reference}: "
        f"{trials} trials, {min(epochs):.0f} to {max(epochs):.0f} epochs"
    )
    print(_header(), flush=True)
    rows = {}
    for method in options.methods.split(","):
        jobs = [
            Job(task, 0, workers, method, trials, max_epochs, goal)
            for task, goal in zip(tasks, goals, strict=True)
        ]
        rows[method] = row(goals, _run(pool, jobs, seeds))
        print(_line(method, rows[method]), flush=True)
        if options.each:
            for task, share in zip(tasks, rows[method].epochs_T, strict=True):
                print(f"    {task:40}{share:6.2f}")
    _leaders(rows, reference)


def _run(pool: ProcessPoolExecutor, jobs: list[Job], seeds: range) -> list[list[Trace]]:
    """Of each job a list of seeds."""
    every = [dataclasses.replace(job, seed=seed) for job in jobs for seed in seeds]
    found = list(pool.map(study, every))
    return [found[i : i + len(seeds)] for i in range(0, len(found), len(seeds))]


def study(job: Job) -> Trace:
    chosen = problem(job.task)
    if job.max_epochs is not None:
        chosen = thinned(chosen, job.max_epochs)
    method = METHODS[job.method](chosen, job)
    if job.goal is None:
        return simulate(chosen, method, workers=job.workers, epochs=math.inf)
    return simulate(
        chosen, method, workers=job.workers, epochs=2 * job.goal.epochs, target=job.goal.regret
    )


def _header() -> str:
    shares = "".join(f"{f'{share:g}':>18}" for share in MOMENTS)
    return (
        f"{'':24}regret at shares of the epochs{'':24}{'of the time':>16}{'seen':>14}"
        f"   to the goal: epochs     worst   time    ms trials\n{'':24}{shares}"
        f"{'.5':>9}{'1':>7}{'.5':>8}{'1':>6}"
    )


def _line(method: str, found: Row) -> str:
    regrets = ""
    for share in MOMENTS:
        values_TS = found.regrets[f"{share:g} epochs"]
        low, high = interval(values_TS)
        regrets += f"   {iqm(values_TS):.3f} [{low:.2f},{high:.2f}]"
    others = [iqm(found.regrets[f"{s} {of}"]) for of in ("time", "seen") for s in ("0.5", "1")]
    low, high = interval(found.epochs_T[:, None])
    return (
        f"{method:24}{regrets}  "
        + "".join(f"{value:7.3f}" for value in others)
        + f"   {iqm(found.epochs_T):5.2f} [{low:.2f},{high:.2f}]  {found.epochs_T.max():5.2f}"
        f"  {iqm(found.seconds_T):5.2f} {found.decision_ms:5.1f} {found.trials:6.0f}"
    )


def _leaders(rows: dict[str, Row], reference: str) -> None:
    """Who is ahead of the reference, and who is behind."""
    if reference not in rows:
        return
    print(f"less {reference} (below 0 it leads): at all of its epochs; seen, at half and at all")
    for method, found in rows.items():
        if method == reference:
            continue
        told = f"  {method:24}"
        for moment in ("1 epochs", "0.5 seen", "1 seen"):
            gap_TS = found.regrets[moment] - rows[reference].regrets[moment]
            low, high = interval(gap_TS)
            told += f"   {iqm(gap_TS):+.3f} [{low:+.3f}, {high:+.3f}]"
        print(told)


if __name__ == "__main__":
    main()
