"""Do the 95% intervals that are printed hold 95%? On studies whose truth is known.

    python -m tests.benchmarks.calibration [--studies 1000] [--only choice] [--metric mean]
        [--examples 300 1500 10000] [--ratios 0.1 0.3 1 3 10]

A row is one kind of interval, configurations, seeds and examples; its columns are the noise of
seeds over that of one run's examples, from a tenth to ten times. Intervals:

score       a configuration's mean over seeds and examples (`joint_interval`)
paired      the difference of two, run s of both with the same seed (`difference`)
unpaired    of champion and challenger, whose seeds differ
against     a configuration less what has no seeds
best        of C configurations the best by their mean, less the worst: all pairs hold together
            where these two do (`difference` among C, seeds pooled)
corrected   the score of the best of C by one run each (`corrected_score`), 200 resamples; in half
            of the studies all are equally good, else they differ by one run's noise
gain        the same less a baseline (`corrected_difference`)
seeds       what other seeds give on the same examples (`seed_interval`)
examples    one run's score (`example_interval`)

A cell outside 93-97% is marked: < too narrow, > too wide. On real tables (several seeds of each
configuration): `python -m tests.benchmarks.calibration_tables`.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics.intervals import (
    Estimate,
    difference,
    example_interval,
    joint_interval,
    pooled_seeds,
    seed_interval,
)
from search.statistics.selection import corrected_difference, corrected_score
from tests.benchmarks.simulated import CORRELATION, RUN, correlations, example_error, means

RATIOS = (0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS, EXAMPLES, CONFIGURATIONS = (2, 3, 5), (300, 1500, 10000), (1, 3, 8, 64)
RESAMPLES = 200


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is simulated: noise of seeds as a multiple of `example_error`."""

    metric: str  # mean, pearson
    configurations: int
    seeds: int
    examples: int
    ratio: float

    def draw(
        self, random: np.random.Generator, spread: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values (C, S, N), and the true score of each run (C, S). `spread` of configurations as a
        multiple of one run's noise."""
        error = example_error(self.metric, self.examples)
        simulate = means if self.metric == "mean" else correlations
        shape = (max(self.configurations, 2), self.seeds, self.examples)
        noise = error * math.sqrt(1 + self.ratio**2)
        return simulate(random, *shape, self.ratio * error, spread * noise)

    @property
    def possible(self) -> bool:
        """A correlation ends at 1: its seeds deviate by a sixth at most."""
        return self.metric == "mean" or self.ratio * example_error("pearson", self.examples) < 1 / 6

    @property
    def truth(self) -> float:
        return CORRELATION if self.metric == "pearson" else 0.0


Holds = Callable[[Cell, np.random.Generator], bool]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=[*KINDS], default=[*KINDS])
    parser.add_argument("--metric", nargs="+", choices=("mean", "pearson"), default=None)
    parser.add_argument("--examples", nargs="+", type=int, default=EXAMPLES)
    parser.add_argument("--ratios", nargs="+", type=float, default=RATIOS)
    options = parser.parse_args()
    error = 100 * np.sqrt(0.95 * 0.05 / options.studies)
    print(f"{options.studies} studies a cell, 95% ± {error:.1f}; noise of seeds over examples':")
    print(f"{'':33}" + "".join(f"{ratio:>8}" for ratio in options.ratios))
    began, inside, cells = time.monotonic(), 0, 0
    for metric in options.metric or ("mean", "pearson"):
        for kind in options.only:
            for row in rows(kind, metric, options.examples, options.ratios):
                shares = [coverage(kind, cell, options.studies) for cell in row]
                known = [share for share in shares if share is not None]
                inside += sum(0.93 <= share <= 0.97 for share in known)
                cells += len(known)
                print(describe(kind, row[0], shares), flush=True)
    print(f"{inside} of {cells} cells within 93-97%; {time.monotonic() - began:.0f} s")


def rows(
    kind: str, metric: str, examples: Sequence[int], ratios: Sequence[float]
) -> Iterator[list[Cell]]:
    """Each with a cell for each ratio."""
    configurations, seeds = KINDS[kind][1:]
    for c in configurations:
        for s in seeds:
            for n in examples:
                yield [
                    Cell(metric=metric, configurations=c, seeds=s, examples=n, ratio=ratio)
                    for ratio in ratios
                ]


def coverage(kind: str, cell: Cell, studies: int) -> float | None:
    if not cell.possible or (kind in ("seeds", "examples") and cell.ratio != 1.0):
        return None
    holds = KINDS[kind][0]
    random = np.random.default_rng([round(10 * cell.ratio), cell.seeds, cell.examples])
    return float(np.mean([holds(cell, random) for _ in range(studies)]))


def describe(kind: str, cell: Cell, shares: Sequence[float | None]) -> str:
    head = f"{cell.metric:8}{kind:10}{cell.configurations:3d}{cell.seeds:3d}{cell.examples:7d}  "
    return head + "".join(
        "       -" if share is None else f"{share:7.1%}{_mark(share)}" for share in shares
    )


def _mark(share: float) -> str:
    return "<" if share < 0.93 else ">" if share > 0.97 else " "


def _covers(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def _score(cell: Cell, random: np.random.Generator) -> bool:
    values_CSN, _ = cell.draw(random)
    return _covers(joint_interval(values_CSN[0]), cell.truth)


def _paired(cell: Cell, random: np.random.Generator) -> bool:
    first_SN, second_SN = cell.draw(random)[0][:2]
    return _covers(difference(first_SN, second_SN), 0.0)


def _unpaired(cell: Cell, random: np.random.Generator) -> bool:
    first_SN, second_SN = cell.draw(random)[0][:2]
    return _covers(difference(first_SN, second_SN, same_seeds=False), 0.0)


def _against(cell: Cell, random: np.random.Generator) -> bool:
    values_CSN, true_CS = cell.draw(random)
    gap = joint_interval(values_CSN[0] - values_CSN[1, 0])
    return _covers(gap, cell.truth - true_CS[1, 0])


def _best(cell: Cell, random: np.random.Generator) -> bool:
    values_CSN, _ = cell.draw(random)
    scores_CS = values_CSN.mean(axis=2)
    first, last = scores_CS.mean(axis=1).argmax(), scores_CS.mean(axis=1).argmin()
    gap = difference(
        values_CSN[first],
        values_CSN[last],
        among=cell.configurations,
        seeds=pooled_seeds(scores_CS),
    )
    return _covers(gap, 0.0)


def _corrected(cell: Cell, random: np.random.Generator) -> bool:
    values_CN, true_C = _searched(cell, random)
    found = corrected_score(values_CN, sign=1, seed=_seed(random), resamples=RESAMPLES)
    return _covers(found, true_C[values_CN.mean(axis=1).argmax()])


def _gain(cell: Cell, random: np.random.Generator) -> bool:
    """The last of C + 1 is the baseline."""
    one_more = dataclasses.replace(cell, configurations=cell.configurations + 1)
    values_CN, true_C = _searched(one_more, random)
    *_, baseline_N = values_CN
    values_CN = values_CN[:-1]
    found = corrected_difference(
        values_CN, baseline_N, sign=1, seed=_seed(random), resamples=RESAMPLES
    )
    return _covers(found, true_C[values_CN.mean(axis=1).argmax()] - true_C[-1])


def _seeds(cell: Cell, random: np.random.Generator) -> bool:
    """On the same examples another 1,000 seeds say what is true."""
    error = example_error(cell.metric, cell.examples)
    score_S = cell.ratio * error * random.standard_normal(cell.seeds)
    score_S += error * math.sqrt(RUN) * random.standard_normal(cell.seeds)
    return _covers(seed_interval(list(score_S)), 0.0)


def _examples(cell: Cell, random: np.random.Generator) -> bool:
    values_CSN, true_CS = cell.draw(random)
    return _covers(example_interval(values_CSN[0, 0]), true_CS[0, 0])


def _searched(cell: Cell, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One run of each configuration, (C, N), and its true score (C,)."""
    values_CSN, true_CS = cell.draw(random, spread=float(random.integers(2)))
    return values_CSN[: cell.configurations, 0], true_CS[: cell.configurations, 0]


def _seed(random: np.random.Generator) -> int:
    return int(random.integers(2**31))


# Of each kind: how it is tried, with how many configurations, with how many seeds.
KINDS: dict[str, tuple[Holds, Sequence[int], Sequence[int]]] = {
    "score": (_score, (1,), SEEDS),
    "paired": (_paired, (2,), SEEDS),
    "unpaired": (_unpaired, (2,), SEEDS),
    "against": (_against, (1,), SEEDS),
    "best": (_best, (3, 8, 64), SEEDS),
    "corrected": (_corrected, CONFIGURATIONS, (1,)),
    "gain": (_gain, CONFIGURATIONS, (1,)),
    "seeds": (_seeds, (1,), SEEDS),
    "examples": (_examples, (1,), (1,)),
}


if __name__ == "__main__":
    main()
