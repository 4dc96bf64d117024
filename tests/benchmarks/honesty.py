"""Do the numbers of a promotion say what they claim? On studies whose truth is known.

    python -m tests.benchmarks.honesty

For studies of C configurations that differ by a deviation d, seen on N examples, over R studies:
how far the winner's search score and its corrected score are from the winner's true one, and how
often each one's 95% interval covers it.
"""

from __future__ import annotations

import math

import numpy as np

from search.statistics.selection import corrected_score

STUDIES, RESAMPLES = 200, 200


def main() -> None:
    print(f"{STUDIES} studies each, {RESAMPLES} resamples, 95% intervals")
    print("   C     N      d   search - true   covers   corrected - true   covers")
    for configurations, examples, spread in (
        (8, 300, 0.01),
        (8, 1000, 0.01),
        (64, 300, 0.01),
        (64, 1000, 0.01),
        (64, 1000, 0.02),
        (8, 1000, 0.03),
    ):
        rows = [study(configurations, examples, spread, seed) for seed in range(STUDIES)]
        raw, raw_covers, corrected, corrected_covers = np.mean(rows, axis=0)
        print(
            f"{configurations:4d} {examples:5d} {spread:6.3f} {raw:+15.4f} {raw_covers:8.0%} "
            f"{corrected:+18.4f} {corrected_covers:8.0%}"
        )


def study(configurations: int, examples: int, spread: float, seed: int) -> tuple[float, ...]:
    """Error of the search score, whether its interval covers, and both of the corrected score."""
    random = np.random.default_rng(seed)
    true = 0.7 + spread * random.standard_normal(configurations)
    labels = np.ones(examples, dtype=np.int8)
    runs = [(random.random(examples) < accuracy).astype(np.int8) for accuracy in true]
    scores = [accuracy(labels, run) for run in runs]
    chosen = int(np.argmax(scores))
    half = 1.96 * math.sqrt(scores[chosen] * (1 - scores[chosen]) / examples)
    corrected = corrected_score(np.stack(runs) == labels, sign=1, seed=seed, resamples=RESAMPLES)
    assert corrected.low is not None
    assert corrected.high is not None
    return (
        scores[chosen] - true[chosen],
        abs(scores[chosen] - true[chosen]) <= half,
        corrected.mean - true[chosen],
        corrected.low <= true[chosen] <= corrected.high,
    )


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float((labels == predictions).mean())


if __name__ == "__main__":
    main()
