"""Chart 6: do the rungs agree with the end? Was the early stopping fair?"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.decisions.audit import audited_trial
from search.decisions.history import Trial
from search.reports.page.chart import (
    ACCENT,
    SOLID,
    Chart,
    Figure,
    figure,
    gap_text,
    label,
    many,
    round_short,
    table,
)
from search.reports.page.facts import Facts
from trainables.seeding import derive

__all__ = ["Agreement", "agreements", "audited", "rungs"]

LEAST_TRIALS = 8
RESAMPLES = 200
# A rung that orders trials like this can be trusted with the choice.
FAIR = 0.5


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of a rung with a later epoch, over the trials that have both."""

    rung: int
    later: int
    among: str  # "all", or "best third" at the later epoch
    trials: int
    correlation: float  # NaN of fewer than three
    low: float  # 95% by bootstrap over trials; NaN of fewer than `LEAST_TRIALS`
    high: float


def agreements(facts: Facts) -> list[Agreement]:
    """Each rung with the end, and with the next rung, which more trials have reached. Trials that
    a rung has stopped have no end: what is left is alike, which makes correlations smaller."""
    ladder, found = facts.ladder, []
    pairs = [(rung, ladder[-1]) for rung in ladder[:-1]]
    pairs += [pair for pair in itertools.pairwise(ladder) if pair not in pairs]
    for rung, later in sorted(pairs):
        both = [trial for trial in facts.trained if trial.epoch >= later]
        for among in ("all", "best third"):
            found.append(_agreement(facts, both, rung, later, among))
    return found


def _agreement(facts: Facts, both: Sequence[Trial], rung: int, later: int, among: str) -> Agreement:
    of = sorted(both, key=lambda t: -facts.task.sign * facts.value(t, later))
    of = of if among == "all" else of[: max(math.ceil(len(of) / 3), min(len(of), 3))]
    early, late = (np.array([facts.value(t, epoch) for t in of]) for epoch in (rung, later))
    low = high = math.nan
    if len(of) >= LEAST_TRIALS:
        random = np.random.default_rng(derive(facts.study.config.seed, "rungs", rung, later))
        drawn = random.integers(len(of), size=(RESAMPLES, len(of)))
        tried = np.array([_spearman(early[at], late[at]) for at in drawn])
        if np.isfinite(tried).any():
            low, high = np.nanpercentile(tried, [2.5, 97.5]).tolist()
    return Agreement(rung, later, among, len(of), _spearman(early, late), low, high)


def _spearman(early: np.ndarray, late: np.ndarray) -> float:
    from scipy.stats import spearmanr

    if len(early) < 3:
        return math.nan
    with warnings.catch_warnings(action="ignore"):  # of equal numbers
        return float(spearmanr(early, late).statistic)


def rungs(facts: Facts) -> Chart | None:
    """None where no trial is ever stopped."""
    if len(facts.ladder) < 2 or facts.study.config.scheduler == "none":
        return None
    found = agreements(facts)
    known = [each for each in found if math.isfinite(each.correlation)]
    rows = [
        [
            f"epoch {each.rung} with {each.later}",
            each.among,
            each.trials,
            f"{each.correlation:.2f}" if math.isfinite(each.correlation) else "unknown",
            f"{each.low:.2f} to {each.high:.2f}" if math.isfinite(each.low) else "unknown",
        ]
        for each in known
    ]
    columns = ["rung", "among", "trials", "rank correlation", "95% interval"]
    return Chart(
        id="rungs",
        title="Was the early stopping fair?",
        caption=_caption(facts, found) + _audit(facts),
        figures=[_correlations(known), _end(facts)] if known and facts.complete else [],
        table=table(columns, rows),
        note="Only trials that went on can be compared with their end, and these were chosen by "
        "the rungs: over all trials the agreement is likely better.",
    )


def _correlations(known: Sequence[Agreement]) -> Figure:
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"among {among if among == 'all' else 'the ' + among}",
            "x": [round_short(each.correlation) for each in of],
            "y": [f"epoch {each.rung} with {each.later}" for each in of],
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [round_short(_beyond(each.high - each.correlation)) for each in of],
                "arrayminus": [round_short(_beyond(each.correlation - each.low)) for each in of],
                "color": colour,
                "thickness": 1.5,
                "width": 0,
            },
            "marker": {"size": 9, "color": colour, "symbol": symbol},
            "hovertemplate": "%{y}: %{x:.2f}<extra></extra>",
        }
        for among, colour, symbol in (("all", ACCENT, "circle"), ("best third", SOLID, "diamond"))
        for of in [[each for each in known if each.among == among]]
    ]
    return figure(
        data,
        label="rank correlation of each rung with a later epoch",
        x={"title": {"text": "rank correlation"}, "range": [-1.05, 1.05]},
        y={"type": "category", "autorange": "reversed"},
        height=320,
    )


def _beyond(value: float) -> float:
    return max(value, 0.0) if math.isfinite(value) else 0.0


def _end(facts: Facts) -> Figure:
    rung, complete = facts.ladder[0], facts.complete
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [round_short(facts.value(t, rung)) for t in complete],
            "y": [round_short(facts.value(t)) for t in complete],
            "customdata": [t.number for t in complete],
            "marker": {
                "size": 8,
                "color": [ACCENT if t is facts.best else SOLID for t in complete],
            },
            "hovertemplate": "trial %{customdata}: %{x} became %{y}<extra></extra>",
            "showlegend": False,
        }
    ]
    name = label(facts.metric)
    return figure(
        data,
        label=f"{facts.metric} at the first rung against the end",
        x={"title": {"text": f"{name} at epoch {rung}"}},
        y={"title": {"text": f"{name} at the end"}},
        height=320,
    )


def _caption(facts: Facts, found: Sequence[Agreement]) -> str:
    rung, end = facts.ladder[0], facts.ladder[-1]
    told = next(e for e in found if (e.rung, e.later, e.among) == (rung, end, "all"))
    stopped = sum(1 for t in facts.trained if t.epoch < end)
    if told.trials < LEAST_TRIALS or not math.isfinite(told.low):
        return (
            f"Not known: {many(told.trials, 'trial')} trained to the end, and at least "
            f"{LEAST_TRIALS} are needed to tell whether epoch {rung} foretells it.{_place(facts)}"
        )
    numbers = f"{told.correlation:.2f} [{told.low:.2f}, {told.high:.2f}]"
    of = f"over {many(told.trials, 'trial')} that trained to the end"
    if told.low > FAIR:
        verdict = f"Fair: epoch {rung} orders trials much as the end does"
    elif told.high < FAIR:
        verdict = f"Not fair: epoch {rung} says little of the end"
    else:
        verdict = f"Not decided: how well epoch {rung} foretells the end is uncertain"
    third = next(e for e in found if (e.rung, e.later, e.among) == (rung, end, "best third"))
    upper = (
        f" Among the best third it is {third.correlation:.2f} ({many(third.trials, 'trial')})."
        if math.isfinite(third.correlation)
        else ""
    )
    return (
        f"{verdict}, rank correlation {numbers} {of}; {many(stopped, 'trial')} "
        f"{'was' if stopped == 1 else 'were'} stopped before.{upper}{_place(facts)}"
    )


def audited(facts: Facts) -> dict[int, float]:
    """What stopped trials came to that a promotion has trained to the end, by trial."""
    audits = ((audited_trial(run.suggestion), run) for run in facts.promotion_runs)
    return {number: facts.value(run) for number, run in audits if number is not None}


def _audit(facts: Facts) -> str:
    """Whether a stopped trial would have won; "" where none was audited."""
    ends, best = audited(facts), facts.best
    if not ends or best is None:
        return ""
    stopped = [t for t in facts.of_state("pruned", "paused") if t.number >= facts.full_length]
    won = sorted(n for n, value in ends.items() if facts.better(value, facts.value(best)))
    told = f" An audit trained {len(ends)} of the {many(len(stopped), 'stopped trial')} to the end"
    if won:
        names = ", ".join(str(number) for number in won)
        return f"{told}: trial {names} ended better than the winner."
    nearest = min(abs(facts.value(best) - value) for value in ends.values())
    return f"{told}: none ended better than the winner, the nearest {gap_text(nearest)} behind."


def _place(facts: Facts) -> str:
    """How near the winner came to being stopped at the first rung."""
    best, rung = facts.best, facts.ladder[0]
    if best is None or best.number < facts.full_length:
        return ""
    there = [t for t in facts.trained if t.epoch >= rung and t.number >= facts.full_length]
    ahead = sum(facts.better(facts.value(t, rung), facts.value(best, rung)) for t in there)
    went_on = sum(t.epoch > rung for t in there)
    return (
        f" The winner stood at place {ahead + 1} of {len(there)} at epoch {rung}, of which "
        f"{went_on} went on."
    )
