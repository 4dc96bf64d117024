"""How well do a study's rungs tell the end? Successive halving replayed on finished curves.

    python -m tests.benchmarks.rung_fidelity cnn|sts [--trials 64] [--train]

The curves lie in tests/benchmarks/curves (learning_curves.py says how they were made); `--train`
trains the configurations that the file lacks: delete it to make them all anew. The replay is the
service's own decision, search/decisions/asha.py, one worker, rungs 1, 3, 9, every configuration
counted at the rungs. Ways to measure a trial at a rung:

cnn: `raw`, the weights of the moment, which is the naive way; `as drawn`, averaged weights where
     the configuration drew averaging, raw ones where it did not; `averaged`, always averaged.
sts: `best so far`, the highest of the epochs until then, which is the naive way (early stopping
     with the best epoch kept); `last`, the epoch of the rung.

Regret: the best score at the end in the pool, less that of the configuration chosen: the best of
those that reached the end. Its interval is that of its mean over bootstrapped pools (--trials
configurations, drawn with repetition), each replayed in several orders of arrival; ways are
compared on the same pools and orders. The published rule trains more epochs, so it is also shown
with fewer trials of each pool. A curve that broke off (not finite) is a failed trial.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from search.decisions import asha, plan
from search.decisions.history import History, Segment, Trial
from search.tasks.config import Scheduler
from tests.benchmarks.learning_curves import MAX_EPOCHS, Curve, file_of, read, train_missing
from tests.search.studies import epoch, failure, segment, session, suggestion

FACTOR = 3
LADDER = plan.rungs(1, MAX_EPOCHS, FACTOR)


@dataclass(frozen=True)
class Way:
    """One way to measure trials, configuration by configuration."""

    seen: list[list[float]]  # what is known at epochs 1, 2, …
    end: np.ndarray  # (configurations,): the score at the end, -inf where training broke off


@dataclass(frozen=True)
class Pools:
    """What is replayed: configurations drawn with repetition."""

    size: int  # configurations in each
    number: int
    orders: int  # of arrival, of each pool


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("cnn", "sts"))
    parser.add_argument("--train", action="store_true", help="train what the file lacks")
    parser.add_argument("--configurations", type=int, default=24)
    parser.add_argument("--trials", type=int, help="of a study (as many as configurations)")
    parser.add_argument("--pools", type=int, default=200)
    parser.add_argument("--orders", type=int, default=5, help="of arrival, of each pool")
    options = parser.parse_args()
    if options.train:
        train_missing(options.task, file_of(options.task), options.configurations)
    curves = read(file_of(options.task))
    if not curves:
        raise SystemExit(f"no curves in {file_of(options.task)}: make them with --train")
    size = options.trials or len(curves)
    report(options.task, curves, Pools(size, options.pools, options.orders))


def report(task: str, curves: list[Curve], pools: Pools) -> None:
    ways = _cnn_ways(curves) if task == "cnn" else _sts_ways(curves)
    failed = int(np.isinf(next(iter(ways.values())).end).sum())
    print(f"{task}: {len(curves)} configurations, {failed} failed, {MAX_EPOCHS} epochs")
    print("\nSpearman's ρ of a rung with the end, and the place there of the best at the end")
    for name, way in ways.items():
        rungs = "   ".join(_rung(way, rung) for rung in LADDER[:-1])
        print(f"  {name:<12}{rungs}   best at the end {way.end.max():.4f}")
    draws = f"{pools.number} pools of {pools.size} × {pools.orders} orders"
    print(f"\nregret of the choice, points of 100; mean of {draws} (95%)")
    spent = _compare(ways, "asha", pools.size, pools)
    more = _compare(ways, "asha-published", pools.size, pools)
    print("and with as many trials as take the epochs of asha:")
    _compare(ways, "asha-published", round(pools.size * spent / more), pools)


def _compare(ways: Mapping[str, Way], scheduler: Scheduler, trials: int, pools: Pools) -> float:
    """Print the regret of each way, and less that of the first. Mean epochs of the last way."""
    print(f"{scheduler}, {trials} trials")
    naive, regrets, epochs = next(iter(ways)), {}, 0.0
    for name, way in ways.items():
        regrets[name], epochs = _replays(way, scheduler, trials, pools)
        less = _interval(regrets[name] - regrets[naive])
        against = "" if name == naive else f"   less {naive}: {less}"
        print(f"  {name:<12}{_interval(regrets[name])}, {epochs:.0f} epochs{against}")
    return epochs


def _cnn_ways(curves: list[Curve]) -> dict[str, Way]:
    drawn = [
        curve.ways["averaged" if curve.config["averaging"] == "ema" else "raw"] for curve in curves
    ]
    raw, averaged = ([curve.ways[way] for curve in curves] for way in ("raw", "averaged"))
    return {"raw": _way(raw), "as drawn": _way(drawn), "averaged": _way(averaged)}


def _sts_ways(curves: list[Curve]) -> dict[str, Way]:
    last = _way([curve.ways.get("last", []) for curve in curves])
    best = [np.maximum.accumulate(seen).tolist() for seen in last.seen]
    return {"best so far": Way(best, last.end), "last": last}


def _way(seen: list[list[float]]) -> Way:
    ends = [values[-1] if len(values) == MAX_EPOCHS else -np.inf for values in seen]
    return Way(seen, np.array(ends))


def _rung(way: Way, rung: int) -> str:
    complete = np.flatnonzero(np.isfinite(way.end))
    at_rung = np.array([way.seen[c][rung - 1] for c in complete])
    end = way.end[complete]
    place = 1 + int((at_rung > at_rung[end.argmax()]).sum())
    return f"epoch {rung}: {spearmanr(at_rung, end).statistic:.2f}, {place} of {len(end)}"


def _replays(way: Way, scheduler: Scheduler, trials: int, pools: Pools) -> tuple[np.ndarray, float]:
    """The mean regret of each pool, in points, and epochs trained a replay.

    A study takes the first `trials` of its pool.
    """
    regrets = np.empty((pools.number, pools.orders))
    epochs = np.empty_like(regrets)
    for pool in range(pools.number):
        random = np.random.default_rng(pool)  # the same pools and orders for every way
        drawn = random.integers(len(way.end), size=pools.size)
        for order in range(pools.orders):
            arriving = random.permutation(drawn)[:trials]
            past = replay([way.seen[c] for c in arriving], scheduler)
            chosen = max(past.trials, key=_standing).number
            regrets[pool, order] = 100 * (way.end[drawn].max() - way.end[arriving[chosen]])
            epochs[pool, order] = sum(trial.epoch for trial in past.trials)
    return regrets.mean(1), float(epochs.mean())


def _standing(trial: Trial) -> tuple[bool, int, float]:
    """What the best is chosen by: of those that got furthest, the highest score."""
    return not trial.failed, trial.epoch, trial.value("score") if trial.epochs else -np.inf


def replay(curves: list[list[float]], scheduler: Scheduler) -> History:
    """A study by one worker in which trial n has the n-th curve."""
    past = History([(0.0, session("started", len(curves)))])
    rungs = asha.rungs_of(
        past, ladder=LADDER, full_length=0, value=lambda trial, at: trial.value("score", at)
    )
    while True:
        decision = asha.next_segment(
            past,
            rungs,
            reduction_factor=FACTOR,
            scheduler=scheduler,
            trials=len(curves),
            workers=1,
        )
        if decision == "finished":
            return past
        if decision == "suggest":
            number = len(past.trials)
            past.apply(0.0, suggestion(number))
            decision = segment(number, 1, LADDER[0])
        assert isinstance(decision, Segment), "one worker never waits"
        past.apply(0.0, decision)
        known = curves[decision.trial]
        for at in range(decision.first_epoch, decision.last_epoch + 1):
            if at > len(known):
                past.apply(0.0, failure(decision.trial, at))
                break
            past.apply(0.0, epoch(decision.trial, at, known[at - 1]))


def _interval(values: np.ndarray) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{values.mean():5.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
