"""How often is an ensemble called better than a champion that is as good? Simulated.

    python -m tests.benchmarks.ensemble_claims [--studies 1000] [--examples 300] [--shift 0.1]

A run predicts labels with errors: an example's own, the same in all runs (half of their variance);
what it is to a configuration (a fifth); what it is to a run (the rest); and a run's own shift of
all its predictions (`--shift`, in deviations of an error), the luck of its seed. The score is minus
the mean square. All 64 configurations of a study are equally good; the best 5 by one run each are
taken as complete, have 3 fresh runs each, and the first 5 final ones. Of these 25 runs greedy
selection makes an ensemble of at most 10 (search/statistics/ensemble.py).

The champion is as good: an ensemble with the same weights, of other configurations and runs, that
was not chosen on these examples. Claims, by the service's own functions, that the new one is beyond
the noise better: as it is made; and where nothing is taken off for the choice. Beside them how much
better it looks, and how much is taken off.
"""

from __future__ import annotations

import argparse

import numpy as np

from search.models.champion import gain_over
from search.statistics.ensemble import best_ensemble, ensemble_values
from search.statistics.selection import corrected_score, optimism
from tests.benchmarks.simulated import CONFIGURATION, RUN, SHARED

TRIALS, CONTENDERS, FRESH, FINAL = 64, 5, 3, 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--shift", type=float, nargs="+", default=[0.03, 0.1, 0.3])
    options = parser.parse_args()
    for shift in options.shift:
        found = np.array([study(n, options.examples, shift) for n in range(options.studies)])
        better, uncorrected, looks, off = found.mean(axis=0)
        print(
            f"shift {shift}, {options.examples} examples, {options.studies} studies: called better "
            f"{better:.1%}, with nothing taken off {uncorrected:.1%}; looks better by {looks:.4f}, "
            f"of which {off:.4f} is taken off",
            flush=True,
        )


def study(seed: int, examples: int, shift: float) -> list[float]:
    random = np.random.default_rng(seed)
    labels = random.standard_normal(examples)
    shared = np.sqrt(SHARED) * random.standard_normal(examples)

    def configuration() -> np.ndarray:
        return labels + shared + np.sqrt(CONFIGURATION) * random.standard_normal(examples)

    def run(of: np.ndarray) -> np.ndarray:
        own = np.sqrt(RUN) * random.standard_normal(examples)
        return np.asarray(of + own + shift * random.standard_normal())

    def values(runs: object) -> np.ndarray:
        return -np.square(np.stack(runs) - labels)  # type: ignore[call-overload]

    configurations = [configuration() for _ in range(TRIALS)]
    searched = [run(each) for each in configurations]
    searched_values = values(searched)
    top = np.argsort(-searched_values.mean(axis=1))[:CONTENDERS]
    fresh = [[run(configurations[c]) for _ in range(FRESH)] for c in top]
    final = [run(configurations[top[0]]) for _ in range(FINAL)]
    pool = [searched[c] for c in top] + [each for runs in fresh for each in runs] + final
    of = [*top, *np.repeat(top, FRESH), *[top[0]] * FINAL]
    found = best_ensemble(
        lambda truth, predicted: -float(np.square(predicted - truth).mean()),
        labels,
        pool,
        sign=1,
        seed=seed,
    )
    members = list(dict.fromkeys(found.members))
    weights = [list(found.members).count(member) for member in members]
    complete = searched_values[top]
    looked = float(complete[0].mean() - corrected_score(complete, sign=1, seed=seed).mean)
    configured = optimism(
        looked, [values(runs) for runs in fresh], complete=CONTENDERS, tried=TRIALS
    )
    off = max(found.seen - found.score.mean, 0.0) + configured["left"]

    others = {c: configuration() for c in {of[member] for member in members}}
    champion = [run(others[of[member]]) for member in members]
    new_SN = ensemble_values(values, [pool[member] for member in members], weights)
    old_SN = ensemble_values(values, champion, weights)
    claims = [gain_over(new_SN, old_SN, less) for less in (off, 0.0)]
    looks = float(new_SN.mean() - old_SN.mean())
    return [*(float(each.beyond_noise and each.mean > 0) for each in claims), looks, off]


if __name__ == "__main__":
    main()
