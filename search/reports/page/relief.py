"""Chart 5, its map: the two hyperparameters that matter most."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial

from search.reports.page.chart import (
    INK,
    LINE,
    SOFT,
    Chart,
    Figure,
    figure,
    label,
    round_short,
    score_colours,
    table,
)
from search.reports.page.facts import Facts
from search.reports.page.importance import Importance
from search.reports.page.ranges import Drawn, drawn, rung_value
from trainables.seeding import derive

__all__ = ["relief", "spread"]

LEAST_TRIALS = 3
# How far dots that fall together are moved, as a share of the way to the next.
SPREAD = 0.25


def relief(
    facts: Facts, trials: Sequence[FrozenTrial], ranked: Sequence[Importance]
) -> Chart | None:
    """The map; None of fewer than two hyperparameters."""
    known = {each.name: each for each in drawn(facts, trials)}
    names = [each.name for each in ranked if each.name in known][:2]
    numbers = [t.number - 1 for t in trials if not facts.history.trials[t.number - 1].failed]
    if len(names) < 2 or len(numbers) < LEAST_TRIALS:
        return None
    first, second = (known[name] for name in names)
    both = [n for n in numbers if n in first.values and n in second.values]
    values = [facts.value(facts.history.trials[n], facts.ladder[0]) for n in both]
    ordered = sorted(both, key=lambda n: -rung_value(facts, facts.history.trials[n]))
    rows = [
        [
            n,
            first.values[n],
            second.values[n],
            facts.value(facts.history.trials[n], facts.ladder[0]),
        ]
        for n in ordered
    ]
    at_rung = f"{facts.metric} at epoch {facts.ladder[0]}"
    return Chart(
        id="map",
        title=f"{first.name} and {second.name}",
        caption=_map_caption(facts, first, second, ordered),
        figures=[_map(facts, first, second, both, values)],
        table=table(["trial", first.name, second.name, at_rung], rows),
        note=f"Colour is the value at epoch {facts.ladder[0]}, which every trial has; where values "
        "fall together, dots are spread a little.",
    )


def _map(
    facts: Facts, first: Drawn, second: Drawn, numbers: Sequence[int], values: Sequence[float]
) -> Figure:
    axes = [each.axis(numbers) for each in (first, second)]
    best = facts.best.number if facts.best else None
    data = {
        "type": "scatter",
        "mode": "markers",
        "x": [round_short(place) for place in spread(facts, first, numbers)],
        "y": [round_short(place) for place in spread(facts, second, numbers)],
        "customdata": list(numbers),
        "marker": {
            "size": 9,
            **score_colours(values, facts.task.sign),
            "colorbar": {"thickness": 10, "outlinewidth": 0, "tickfont": {"color": SOFT}},
            "line": {"color": INK, "width": [2 if n == best else 0 for n in numbers]},
        },
        "hovertemplate": "trial %{customdata}: %{marker.color}<extra></extra>",
        "showlegend": False,
    }
    settings = [
        {
            "title": {"text": label(each.name, 30)},
            "tickvals": [round_short(tick) for tick in axis.ticks],
            "ticktext": axis.texts,
            "gridcolor": LINE,
        }
        for each, axis in zip((first, second), axes, strict=True)
    ]
    return figure(
        [data],
        label=f"{facts.metric} by {first.name} and {second.name}",
        x=settings[0],
        y=settings[1],
        height=400,
    )


def _map_caption(facts: Facts, first: Drawn, second: Drawn, ordered: Sequence[int]) -> str:
    top = ordered[: max(len(ordered) // 5, 1)]
    parts = []
    for each in (first, second):
        values = [each.values[number] for number in top]
        if each.is_choice:
            common = max(set(values), key=lambda value: (values.count(value), str(value)))
            parts.append(f"{each.name} is {common} in {values.count(common)} of them")
        else:
            low, high = min(values), max(values)  # type: ignore[type-var]
            parts.append(f"{each.name} lies between {low:.3g} and {high:.3g}")
    return f"Of the best {len(top)} of {len(ordered)} trials: {', '.join(parts)}."


def spread(facts: Facts, each: Drawn, numbers: Sequence[int]) -> list[float]:
    """Positions; of choices, and of numbers that fall together, moved a little, always alike."""
    axis = each.axis(numbers)
    places = [axis.position[number] for number in numbers]
    if len(set(places)) > len(places) / 2:
        return places
    distinct = sorted(set(places))
    width = SPREAD * min((b - a for a, b in itertools.pairwise(distinct)), default=1.0)
    random = np.random.default_rng(derive(facts.study.config.seed, "spread", each.name))
    return [p + width * float(random.uniform(-1, 1)) for p in places]
