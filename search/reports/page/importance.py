"""Chart 4: which hyperparameter matters, at equal fidelity, with intervals over trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from search.reports.page.chart import (
    ACCENT,
    SOLID,
    Chart,
    Figure,
    figure,
    label,
    many,
    round_short,
    table,
)
from search.reports.page.facts import Facts
from search.reports.page.ranges import Drawn, drawn
from trainables.seeding import derive

__all__ = ["Importance", "importance", "importances"]

LEAST_TRIALS = 10
# More tell nothing new, and each resample costs time; evaluations in all.
MOST_TRIALS, EVALUATIONS = 200, 16
TREES = 16
MOST_SHOWN = 15


@dataclass(frozen=True)
class Importance:
    """The share of the variance of the objective that a hyperparameter explains by itself."""

    name: str
    share: float
    low: float  # the middle 80% of what resampled trials give
    high: float
    trials: int  # that have drawn it


def importances(facts: Facts, trials: Sequence[FrozenTrial]) -> list[Importance]:
    """The most important first; nothing of fewer than `LEAST_TRIALS`. `trials`: by `mirrored`.

    Functional ANOVA on random forests (Hutter, Hoos & Leyton-Brown 2014) as Optuna has it, on each
    trial's value at the lowest rung. What is drawn in one branch only is evaluated on the trials
    that have drawn it. Assumption: trials are independent draws; where the sampler has settled, a
    hyperparameter that it no longer varies looks less important than it is.
    """
    if len(trials) < LEAST_TRIALS:
        return []
    step = max(len(trials) / MOST_TRIALS, 1.0)
    trials = [trials[int(i * step)] for i in range(min(len(trials), MOST_TRIALS))]
    groups = _groups(trials, drawn(facts, trials))
    resamples = max(EVALUATIONS // max(len(groups), 1), 8)
    random = np.random.default_rng(derive(facts.study.config.seed, "importance"))
    found = []
    for names, own, having in groups:
        point = _evaluate(having, names)
        tried = [
            _evaluate([having[i] for i in random.integers(len(having), size=len(having))], names)
            for _ in range(resamples)
        ]
        for name in own:
            low, high = np.percentile([shares.get(name, 0.0) for shares in tried], [10, 90])
            share = point.get(name, 0.0)
            found.append(
                Importance(
                    name, share, min(float(low), share), max(float(high), share), len(having)
                )
            )
    return sorted(found, key=lambda each: (-each.share, each.name))


def _groups(
    trials: Sequence[FrozenTrial], all_drawn: Sequence[Drawn]
) -> list[tuple[list[str], list[str], list[FrozenTrial]]]:
    """What is evaluated together: hyperparameters, those of them that are told of, and the trials
    that have all of them."""
    everywhere = [each.name for each in all_drawn if len(each.values) == len(trials)]
    groups = [(everywhere, everywhere, list(trials))] if everywhere else []
    branches: dict[frozenset[int], list[str]] = {}
    for each in all_drawn:
        if len(each.values) < len(trials):
            branches.setdefault(frozenset(each.values), []).append(each.name)
    for numbers, names in branches.items():
        having = [trial for trial in trials if trial.number - 1 in numbers]
        if len(having) >= LEAST_TRIALS:
            groups.append(([*everywhere, *names], names, having))
    return groups


def _evaluate(trials: Sequence[FrozenTrial], names: Sequence[str]) -> Mapping[str, float]:
    """Nothing where all trials are equally good."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    from search.decisions.sampler import MirrorStorage

    if len({trial.value for trial in trials}) < 2:
        return {}
    study = optuna.create_study(direction="maximize", storage=MirrorStorage(list(trials)))
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    varied = [n for n in names if len({repr(trial.params[n]) for trial in trials}) > 1]
    if not varied:
        return {}
    found = get_param_importances(study, evaluator=evaluator, params=varied)
    return {name: float(share) for name, share in found.items()}


def importance(facts: Facts, found: Sequence[Importance]) -> Chart:
    """`found`: by `importances`."""
    rows = [
        [each.name, f"{each.share:.0%}", f"{each.low:.0%} to {each.high:.0%}", each.trials]
        for each in found
    ]
    return Chart(
        id="importance",
        title="Which hyperparameter matters",
        caption=_caption(facts, found),
        figures=[_figure(found)] if found else [],
        table=table(["hyperparameter", "explains", "interval", "trials that have it"], rows),
        note=f"Of every trial the value at epoch {facts.ladder[0]}, a failed one as the worst; "
        "functional ANOVA, with the middle 80% of what resampled trials give. What the sampler no "
        "longer varied looks less important than it is."
        if found
        else "",
    )


def _figure(found: Sequence[Importance]) -> Figure:
    shown = list(reversed(found[:MOST_SHOWN]))
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "y": [label(each.name, 28) for each in shown],
            "x": [round_short(100 * each.share) for each in shown],
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [round_short(100 * (each.high - each.share)) for each in shown],
                "arrayminus": [round_short(100 * (each.share - each.low)) for each in shown],
                "color": SOLID,
                "thickness": 1.5,
                "width": 0,
            },
            "marker": {"color": ACCENT, "size": 9},
            "hovertemplate": "%{y}: %{x:.0f}%<extra></extra>",
            "showlegend": False,
        }
    ]
    return figure(
        data,
        label="share of the differences between trials that each hyperparameter explains",
        x={"ticksuffix": "%", "rangemode": "tozero", "title": {"text": "explained"}},
        y={"type": "category", "title": {"text": ""}},
        height=110 + 24 * len(shown),
    )


def _caption(facts: Facts, found: Sequence[Importance]) -> str:
    if not found:
        return f"Unknown: fewer than {LEAST_TRIALS} trials have reached the first rung."
    first, rest = found[0], found[1:]
    if not first.share:
        return "None: trials do not differ by what they have drawn."
    told = (
        f"{first.name} matters most: after {many(facts.ladder[0], 'epoch')} it explains "
        f"{_interval(first)} of what {many(first.trials, 'trial')} differ by."
    )
    if rest:
        second = rest[0]
        told += f" Next is {second.name}, {_interval(second)}"
        told += (
            "; which of the two matters more is not certain."
            if second.high >= first.low
            else ", clearly less."
        )
    return told


def _interval(each: Importance) -> str:
    return f"{each.share:.0%} [{each.low:.0%}, {each.high:.0%}]"
