"""Which of a study's best trials to promote, from their runs on fresh seeds. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from search.decisions.history import History, Suggestion, Trial
from search.promotion.race import Race
from search.reports.numbers import number_text
from search.statistics.intervals import Estimate, Variance, difference, pooled_sd
from search.tasks.config import Value

__all__ = [
    "Confirmation",
    "Contender",
    "Prefer",
    "choose",
    "runs_of",
    "score_of",
    "still_to_run",
    "top_trials",
    "within_reach",
]

Prefer = Literal["best", "cheapest"]

BEYOND_REACH = 10.0  # standard errors
CHEAPER = 0.2  # of the leader's time a run is saved at least, where the cheapest is preferred


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """One of the best trials of a search, trained again in full on fresh seeds."""

    trial: int
    config: Mapping[str, Value]
    search: float  # its score in the search
    fresh: Sequence[float]  # its scores on the first fresh seeds, of which all have the same
    values: np.ndarray  # (S, N) of those runs, by search/statistics/pseudo_values.py
    wall_s: float  # of one run, by the clock
    sign: int = 1  # -1: smaller is better

    @property
    def mean(self) -> float:
        return float(np.mean(self.fresh))

    @property
    def optimism(self) -> float:
        """How much better a number the search showed."""
        return self.sign * (self.search - self.mean)


@dataclass(frozen=True, kw_only=True, eq=False)
class Confirmation:
    """The contenders, the best by expected score first, and what is said of each."""

    contenders: Sequence[Contender]
    expected: Sequence[float]  # each one's mean score over seeds, of all that is known of it
    chances: Sequence[float]  # of being the best
    differences: Sequence[Estimate]  # the first's fresh mean minus each one's, but for the first
    sd: float | None  # of one run over seeds, pooled over contenders
    race: Race
    candidate: Contender
    why: str

    @property
    def expected_of_candidate(self) -> float:
        return self.expected[self.contenders.index(self.candidate)]


def top_trials(history: History, metric: str, sign: int, max_epochs: int, top: int) -> list[Trial]:
    """The best complete trials of distinct configurations, the best first."""
    complete = [t for t in history.trials if t.complete(max_epochs)]
    complete.sort(key=lambda trial: (-sign * trial.value(metric), trial.number))
    distinct: dict[object, Trial] = {}
    for trial in complete:
        distinct.setdefault(_key(trial.suggestion.config), trial)
    return list(distinct.values())[:top]


def within_reach(values_CN: np.ndarray) -> list[int]:
    """Which of the trials, the best first, fresh seeds might show to be the best after all.

    `values_CN`: of their search's runs (search/statistics/pseudo_values.py). One that is further
    behind than `BEYOND_REACH` standard errors of its difference by examples is not trained again:
    it would take runs, and its seeds may deviate otherwise than those of the others, with which
    they are pooled. The two best always are, and one of which nothing is known.
    """
    gaps_CN = values_CN - values_CN[0]
    errors_C = gaps_CN.std(axis=1, ddof=1) / math.sqrt(gaps_CN.shape[1])
    beyond_C = np.abs(gaps_CN.mean(axis=1)) > BEYOND_REACH * errors_C
    return [c for c in range(len(values_CN)) if c < 2 or not beyond_C[c] or errors_C[c] == 0]


def still_to_run(
    history: History, wanted: Sequence[Suggestion], begun: int | None = None
) -> list[Suggestion]:
    """Those of the wanted runs that are not on record, or have failed there, numbered after all
    that are. One that has failed as trial `begun` or later is not run again."""
    known = {
        (trial.suggestion.seed, _key(trial.suggestion.config))
        for trial in history.trials
        if not trial.failed or (begun is not None and trial.number >= begun)
    }
    missing = [run for run in wanted if (run.seed, _key(run.config)) not in known]
    return [
        Suggestion(trial=number, config=run.config, seed=run.seed, source=run.source)
        for number, run in enumerate(missing, start=len(history.trials))
    ]


def runs_of(history: History, config: Mapping[str, Value], seeds: Sequence[int]) -> list[Trial]:
    """The runs of `config` with these seeds, in their order; of one that was repeated, the last."""
    found = {
        trial.suggestion.seed: trial
        for trial in history.trials
        if _key(trial.suggestion.config) == _key(config)
    }
    return [found[seed] for seed in seeds]


def score_of(
    history: History,
    config: Mapping[str, Value],
    seed: int,
    *,
    metric: str,
    max_epochs: int,
    begun: int,
) -> float | None:
    """What the run of `config` with this seed came to; None: it is still to end. NaN: it has failed
    as trial `begun` or later; an earlier failure's run is still to be repeated."""
    for trial in reversed(history.trials):
        if trial.suggestion.seed == seed and _key(trial.suggestion.config) == _key(config):
            if trial.failed:
                return math.nan if trial.number >= begun else None
            return trial.value(metric) if trial.epoch >= max_epochs else None
    return None


def choose(contenders: Sequence[Contender], race: Race, *, prefer: Prefer = "best") -> Confirmation:
    """The one with the best expected score, or the cheapest of its equals: within one standard
    error of it, and at least `CHEAPER` cheaper by the clock.

    `contenders`: those that are alive in the race, in its order.
    """
    expected = race.expected
    assert expected is not None
    sign = contenders[0].sign
    order = sorted(range(len(contenders)), key=lambda c: (-expected.mean_C[c], contenders[c].trial))
    first, ranked = order[0], [contenders[c] for c in order]
    errors_C = (expected.draws_BC[:, [first]] - expected.draws_BC).std(axis=0)
    leads_C = expected.mean_C[first] - expected.mean_C
    candidate = ranked[0]
    if prefer == "cheapest":
        equal = [contenders[c] for c in order[1:] if leads_C[c] <= errors_C[c]]
        cheap = [c for c in equal if c.wall_s <= (1 - CHEAPER) * ranked[0].wall_s]
        candidate = min([candidate, *cheap], key=lambda contender: contender.wall_s)
    chances_C = expected.chances()
    return Confirmation(
        contenders=ranked,
        expected=[sign * float(expected.mean_C[c]) for c in order],
        chances=[float(chances_C[c]) for c in order],
        differences=_differences(ranked),
        sd=pooled_sd([contender.fresh for contender in ranked]),
        race=race,
        candidate=candidate,
        why=_why(candidate, ranked[0], sign * float(expected.mean_C[first]), race),
    )


def _why(candidate: Contender, first: Contender, expected: float, race: Race) -> str:
    runs = sum(race.counts)
    why = (
        f"trial {first.trial} has the best expected score, {number_text(expected)}; the chance "
        f"that it is more than {number_text(race.tolerance)} worse than the best is "
        f"{race.doubt:.0%}, "
        + (f"small enough after {runs} runs" if race.sure else f"and all {runs} runs are spent")
    )
    if candidate is not first:
        why += (
            f"; trial {candidate.trial}, within one standard error of it, is the cheapest: "
            f"{candidate.wall_s:.1f} s a run in place of {first.wall_s:.1f}"
        )
    return why


def _differences(ranked: Sequence[Contender]) -> list[Estimate]:
    """The first's fresh mean minus each other's. The noise of seeds is pooled over all."""
    first, *others = ranked
    sd = pooled_sd([contender.fresh for contender in ranked])
    freedom = sum(len(contender.fresh) - 1 for contender in ranked)

    def seeds(other: Contender) -> Variance | None:
        if sd is None:
            return None
        return Variance(sd**2 * (1 / len(first.fresh) + 1 / len(other.fresh)), freedom)

    return [
        difference(
            first.values, other.values, same_seeds=False, among=len(ranked), seeds=seeds(other)
        )
        for other in others
    ]


def _key(config: Mapping[str, Value]) -> object:
    return tuple(sorted(config.items()))
