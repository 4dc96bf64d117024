"""How often is "beyond the noise" said where nothing is better? Whole studies, simulated.

    python -m tests.benchmarks.false_claims [--studies 1000] [--examples 1500] [--seed-noise 0.5]

A study: 64 configurations run once each, a third goes on at rungs 1 and 3 of 9 epochs, by scores on
the same validation examples, so that 7 are complete; the best 5 race on at most 15 runs with fresh
seeds, 2 at a time (search/promotion/race.py), the best of these by expected score trains on 5 more.
Noise, in standard errors of one run's score by its examples: an example's
own difficulty, the same for all (half of the variance); what it is to a configuration (a fifth);
what it is to a run (the rest; a run's at a rung and at its end correlate by .7); and the seed's,
`--seed-noise`. Nothing better: all configurations, the baseline and the champion are equally good.
Better: the configurations deviate by one such error, and the baseline is as good as their mean.

Claims, as made by the service's own functions:

run        `run`, `show`: the best is beyond the noise of examples from what needs no training. Said
           of that run, whose seed may be a lucky one, and not of its configuration: beside it is
           counted how often which of them is not better in truth
plain      the same as it was said before, of the best as it looks
confirmed  `promote`: the first by expected score is beyond the noise of another contender; and how
           often it is so in the wrong direction
sure       `promote`: the race ends as sure; and how often it is so though the chosen one is worse
           than the best contender by more than the tolerance, on these examples
champion   the final runs, less their optimism, are beyond the noise better than a champion that was
           not chosen on these examples; than one that another such study has chosen on them; and
           than the first where nothing is taken off
test       on other examples, which nothing was chosen by: final runs against the baseline
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from search.models.champion import gain_over
from search.promotion.confirm import Confirmation, Contender, choose
from search.promotion.race import race
from search.reports.claims import difference_from_baseline
from search.statistics.intervals import example_interval, joint_interval
from search.statistics.selection import corrected_score, optimism

TRIALS, CONTENDERS, RUNS, WORKERS, FINAL = 64, 5, 15, 2, 5
SHARED, CONFIGURATION, RUN = 0.5, 0.2, 0.3
RUNG_CORRELATION = 0.7


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """What a study and its promotion end with."""

    values_CN: np.ndarray  # of the complete trials, the best first
    best: int
    true: float  # the true score of the best's run
    candidate: int
    confirmation: Confirmation
    final_SN: np.ndarray
    optimism: float


class Study:
    """Scores in standard errors of one run's by its N examples, values (…, N)."""

    def __init__(
        self,
        random: np.random.Generator,
        examples: int,
        seed_noise: float,
        spread: float,
        shared_N: np.ndarray,
    ) -> None:
        self.random, self.examples, self.seed_noise = random, examples, seed_noise
        self.shared_N = shared_N
        self.true_C = spread * random.standard_normal(TRIALS)
        self.own_CN = self._normal(TRIALS, examples)

    def _normal(self, *shape: int) -> np.ndarray:
        """Numbers an example, whose mean has variance 1."""
        return math.sqrt(self.examples) * self.random.standard_normal(shape)

    def values(self, run_N: np.ndarray, chosen: np.ndarray | int) -> np.ndarray:
        """Of runs of these configurations, but for their seeds."""
        return (
            math.sqrt(SHARED) * self.shared_N
            + math.sqrt(CONFIGURATION) * self.own_CN[chosen]
            + math.sqrt(RUN) * run_N
            + self.true_C[chosen][..., None]
        )

    def of_these_examples(self, configuration: int) -> float:
        """Its mean score over seeds on these examples, which is what a race tells of."""
        own = math.sqrt(CONFIGURATION) * self.own_CN[configuration].mean()
        return float(self.true_C[configuration] + own)

    def search(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The complete trials, best first: which, their values (C, N) and runs' true scores."""
        luck_C = self.seed_noise * self.random.standard_normal(TRIALS)
        run_CN = self._normal(TRIALS, self.examples)
        left = np.arange(TRIALS)
        for _ in range(2):
            rung_CN = RUNG_CORRELATION * run_CN[left] + math.sqrt(
                1 - RUNG_CORRELATION**2
            ) * self._normal(len(left), self.examples)
            scores = self.values(rung_CN, left).mean(axis=1) + luck_C[left]
            left = left[np.argsort(-scores)[: len(left) // 3]]
        values_CN = self.values(run_CN[left], left) + luck_C[left, None]
        order = np.argsort(-values_CN.mean(axis=1))
        true_C = self.true_C[left] + luck_C[left]
        return left[order], values_CN[order], true_C[order][order]

    def fresh(self, configuration: int, seeds: int) -> np.ndarray:
        """(S, N) values of new runs."""
        luck_S1 = self.seed_noise * self.random.standard_normal((seeds, 1))
        return self.values(self._normal(seeds, self.examples), configuration) + luck_S1

    def promote(self, complete: np.ndarray, searched: np.ndarray, seed: int) -> Confirmation:
        """The best of these race, as in search/promotion/promote.py."""
        top = [int(c) for c in complete[:CONTENDERS]]
        runs = [self.fresh(c, RUNS) for c in top]
        scores = [values_SN.mean(axis=1) for values_SN in runs]
        ended = race(
            [float(score) for score in searched[:CONTENDERS]],
            lambda c, k: float(scores[c][k]),
            runs=RUNS,
            batch=WORKERS,
            tolerance=None,
            seed=seed,
        )
        contenders = [
            Contender(
                trial=top[c],
                config={},
                search=float(searched[c]),
                fresh=[float(score) for score in scores[c][:count]],
                values=runs[c][:count],
                wall_s=1.0,
            )
            for c, count in enumerate(ended.counts)
        ]
        return choose(contenders, ended)

    def finalise(self, seed: int) -> Promoted:
        complete, values_CN, true_C = self.search()
        confirmation = self.promote(complete, values_CN.mean(axis=1), seed)
        candidate = confirmation.candidate.trial
        looks = float(values_CN[0].mean() - corrected_score(values_CN, sign=1, seed=seed).mean)
        return Promoted(
            values_CN=values_CN,
            best=int(complete[0]),
            true=float(true_C[0]),
            candidate=candidate,
            confirmation=confirmation,
            final_SN=self.fresh(candidate, FINAL),
            optimism=optimism(
                looks,
                [each.values for each in confirmation.contenders],
                complete=len(complete),
                tried=TRIALS,
            )["left"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=1500)
    parser.add_argument("--seed-noise", type=float, nargs="+", default=[0.1, 0.5, 2.0])
    options = parser.parse_args()
    for seed_noise in options.seed_noise:
        for name, spread in (("nothing better", 0.0), ("better", 1.0)):
            began = time.monotonic()
            counts: Counter[str] = Counter()
            for study in range(options.studies):
                counts.update(claims(study, options.examples, seed_noise, spread))
            print(
                f"{name}, seeds' noise {seed_noise}, {options.examples} examples, "
                f"{options.studies} studies, {time.monotonic() - began:.0f} s:"
            )
            for claim, count in counts.items():
                print(f"    {claim:40} {count / options.studies:6.1%}")


def claims(seed: int, examples: int, seed_noise: float, spread: float) -> dict[str, bool]:
    random = np.random.default_rng(seed)
    shared_N = math.sqrt(examples) * random.standard_normal(examples)
    study = Study(random, examples, seed_noise, spread, shared_N)
    baseline_N = math.sqrt(SHARED) * shared_N + math.sqrt(0.5) * study._normal(examples)
    found = study.finalise(seed)
    gain = difference_from_baseline(
        found.values_CN, baseline_N, sign=1, seed=seed, among=len(found.values_CN)
    )
    claimed = gain["beyond_example_noise"] and gain["difference"] > 0
    plain = example_interval(found.values_CN[0] - baseline_N)
    chosen = Study(random, examples, seed_noise, spread, shared_N).finalise(seed + 1)
    other = Study(random, examples, seed_noise, 0.0, shared_N)
    champion_SN = other.fresh(0, FINAL)
    said = {
        "run": claimed,
        "run, though its run is not better": claimed and found.true <= 0,
        "run, though its configuration is not": claimed and study.true_C[found.best] <= 0,
        "plain": plain.beyond_noise and plain.mean > 0,
        **_confirmed(study, found.confirmation),
        "champion": _better(found.final_SN, champion_SN, found.optimism),
        "champion, chosen on these examples": _better(
            found.final_SN, chosen.final_SN, found.optimism - chosen.optimism
        ),
        "champion, not corrected": _better(found.final_SN, champion_SN, 0.0),
        "test": _on_test(study, found.candidate),
    }
    return {claim: bool(value) for claim, value in said.items()}


def _confirmed(study: Study, confirmation: Confirmation) -> dict[str, bool]:
    first, *others = (study.true_C[each.trial] for each in confirmation.contenders)
    of_these = {each.trial: study.of_these_examples(each.trial) for each in confirmation.contenders}
    gaps = list(zip(confirmation.differences, others, strict=True))
    race_ended = confirmation.race
    worse = max(of_these.values()) - of_these[confirmation.candidate.trial]
    return {
        "confirmed": any(gap.beyond_noise for gap, _ in gaps),
        "confirmed, though it is not better": any(
            gap.beyond_noise and (gap.mean > 0) != (first > other) for gap, other in gaps
        ),
        "sure": race_ended.sure,
        "sure, though worse than the tolerance": race_ended.sure and worse > race_ended.tolerance,
    }


def _better(new_SN: np.ndarray, old_SN: np.ndarray, optimism: float) -> bool:
    gain = gain_over(new_SN, old_SN, optimism)
    return gain.beyond_noise and gain.mean > 0


def _on_test(study: Study, candidate: int) -> bool:
    shared_N = study._normal(study.examples)
    study.shared_N = shared_N
    study.own_CN = study._normal(TRIALS, study.examples)
    baseline_N = math.sqrt(SHARED) * shared_N + math.sqrt(0.5) * study._normal(study.examples)
    gain = joint_interval(study.fresh(candidate, FINAL) - baseline_N)
    return gain.beyond_noise and gain.mean > 0


if __name__ == "__main__":
    main()
