"""Which of a study's best trials to promote, from their runs on fresh seeds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.decisions.history import History, Suggestion, Trial
from search.statistics.intervals import Estimate, difference, pooled_sd, pooled_seeds
from search.tasks.config import Value

__all__ = ["Confirmation", "Contender", "choose", "runs_of", "still_to_run", "top_trials"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """One of the best trials of a search, trained again in full on fresh seeds."""

    trial: int
    config: Mapping[str, Value]
    search: float  # its score in the search
    fresh: Sequence[float]  # its scores on the fresh seeds, the same seeds for all
    values: np.ndarray  # (S, N) of those runs, by search/statistics/pseudo_values.py
    cost_s: float  # CPU seconds of one run
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
    """The contenders, the best by fresh mean first."""

    contenders: Sequence[Contender]
    sd: float | None  # of one run over seeds, pooled over contenders
    differences: Sequence[Estimate]  # the first's mean minus each contender's, but for the first
    candidate: Contender
    why: str


def top_trials(history: History, metric: str, sign: int, max_epochs: int, top: int) -> list[Trial]:
    """The best complete trials of distinct configurations, the best first."""
    complete = [t for t in history.trials if t.epoch >= max_epochs and not t.failed]
    complete.sort(key=lambda trial: (-sign * trial.value(metric), trial.number))
    distinct: dict[object, Trial] = {}
    for trial in complete:
        distinct.setdefault(_key(trial.suggestion.config), trial)
    return list(distinct.values())[:top]


def still_to_run(history: History, wanted: Sequence[Suggestion]) -> list[Suggestion]:
    """Those of the wanted runs that are not on record, or have failed there, numbered after all
    that are."""
    known = {(t.suggestion.seed, _key(t.suggestion.config)) for t in history.trials if not t.failed}
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


def choose(contenders: Sequence[Contender], *, sign: int) -> Confirmation:
    """The best by fresh mean; among those not beyond the noise of it, the cheapest to train. Where
    the noise is not known (one seed), the best."""
    ranked = sorted(contenders, key=lambda c: (-sign * c.mean, c.trial))
    first, *others = ranked
    seeds = pooled_seeds(np.array([contender.fresh for contender in ranked]))
    differences = [
        difference(first.values, other.values, among=len(ranked), seeds=seeds) for other in others
    ]
    tied = [
        other
        for other, difference_ in zip(others, differences, strict=True)
        if difference_.low is not None and not difference_.beyond_noise
    ]
    candidate = min([first, *tied], key=lambda contender: contender.cost_s)
    if candidate is not first:
        why = (
            f"trial {candidate.trial} is within the noise of the best by fresh mean, trial "
            f"{first.trial}, and the cheapest to train of {1 + len(tied)} such "
            f"({candidate.cost_s:.1f} CPU s a run, the best takes {first.cost_s:.1f})"
        )
    elif tied:
        why = f"trial {first.trial} is the best by fresh mean, and no costlier than its equals"
    else:
        noise = (
            ", beyond the noise" if len(first.fresh) > 1 else "; the noise of one seed is unknown"
        )
        why = f"trial {first.trial} is the best by fresh mean" + (noise if others else "")
    return Confirmation(
        contenders=ranked,
        sd=pooled_sd([contender.fresh for contender in ranked]),
        differences=differences,
        candidate=candidate,
        why=why,
    )


def _key(config: Mapping[str, Value]) -> object:
    return tuple(sorted(config.items()))
