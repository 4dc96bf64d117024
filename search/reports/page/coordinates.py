"""Chart 3: parallel coordinates. A reader drags along an axis to keep the trials that lie there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.reports.numbers import number_texts
from search.reports.page.chart import LINE, Chart, Figure, label, round_short, score_colours, table
from search.reports.page.facts import Facts
from search.reports.page.importance import Importance
from search.reports.page.ranges import Drawn, drawn

__all__ = ["coordinates"]

MOST_AXES = 7
AXIS_WIDTH = 90


def coordinates(facts: Facts, trials: Sequence[FrozenTrial], ranked: Sequence[Importance]) -> Chart:
    """`trials`: by `mirrored`. `ranked`: the most important first; of more than `MOST_AXES` the
    others have no axis."""
    order = {each.name: place for place, each in enumerate(ranked)}
    all_drawn = drawn(facts, trials)
    shown = sorted(all_drawn, key=lambda each: order.get(each.name, len(order)))[:MOST_AXES]
    numbers = [t.number - 1 for t in trials if not facts.history.trials[t.number - 1].failed]
    columns = ["trial", *(each.name for each in shown), "epochs", facts.metric]
    return Chart(
        id="coordinates",
        title="All trials at once",
        caption=_caption(facts, shown, len(all_drawn), bool(ranked)),
        figures=[_figure(facts, shown, numbers)] if shown and len(numbers) > 1 else [],
        table=table(columns, _rows(facts, shown, numbers)),
        note=f"A line is a trial, its colour {facts.metric} at epoch {facts.ladder[0]}, which "
        "every trial has; the last two axes are that and the value at its last epoch. Drag along "
        "an axis to keep the trials that lie there; click it to let go.",
    )


def _rows(facts: Facts, shown: Sequence[Drawn], numbers: Sequence[int]) -> list[list[Any]]:
    kept = set(numbers)
    trials = [t for t in facts.furthest if t.number in kept]
    values = number_texts([facts.value(trial) for trial in trials])
    return [
        [t.number, *(each.values.get(t.number, "not used") for each in shown), t.epoch, value]
        for t, value in zip(trials, values, strict=True)
    ]


def _figure(facts: Facts, shown: Sequence[Drawn], numbers: Sequence[int]) -> Figure:
    trials, rung = [facts.history.trials[number] for number in numbers], facts.ladder[0]
    dimensions: list[Mapping[str, Any]] = []
    for each in shown:
        axis = each.axis(numbers)
        dimensions.append(
            {
                "label": label(each.name, 18),
                "values": [round_short(axis.position[number]) for number in numbers],
                "tickvals": [round_short(tick) for tick in axis.ticks],
                "ticktext": axis.texts,
                "range": [round_short(end) for end in axis.scale],
            }
        )
    dimensions.append({"label": "epochs", "values": [trial.epoch for trial in trials]})
    at_rung = [facts.value(trial, rung) for trial in trials]
    colours = score_colours(at_rung, facts.task.sign)
    dimensions.append({"label": f"at epoch {rung}", "values": colours["color"]})
    dimensions.append(
        {"label": "at the last", "values": [round_short(facts.value(t)) for t in trials]}
    )
    data = {
        "type": "parcoords",
        "dimensions": dimensions,
        "customdata": list(numbers),
        "line": colours,
        "unselected": {"line": {"color": LINE, "opacity": 0.35}},
        "labelfont": {"size": 12},
        "tickfont": {"size": 11},
        "rangefont": {"size": 1, "color": "rgba(0,0,0,0)"},
    }
    return Figure(
        data=[data],
        layout={"margin": {"l": 60, "r": 60, "t": 48, "b": 20}},
        label="every trial as a line through its hyperparameters and its score",
        height=400,
        least_width=AXIS_WIDTH * len(dimensions),
    )


def _caption(facts: Facts, shown: Sequence[Drawn], total: int, ranked: bool) -> str:
    if not shown:
        return "Nothing was drawn, or no trial has reached the first rung."
    which = f"The {len(shown)} most important" if ranked else f"{len(shown)}"
    left = f" {which} of {total} hyperparameters are shown."
    return _region(facts, shown) + (left if total > len(shown) else "")


def _region(facts: Facts, shown: Sequence[Drawn]) -> str:
    """What the best share, and the others do not."""
    best = facts.furthest[: max(len(facts.trained) // 10, 3)]
    if len(facts.trained) < 3 * len(best):
        return "Too few trials to say what the best of them share."
    parts = []
    for each in shown:
        values = [each.values[t.number] for t in best if t.number in each.values]
        if len(values) < len(best):
            continue
        if each.is_choice:
            if len(set(values)) == 1:
                parts.append(f"{each.name} {values[0]}")
            continue
        shares = [each.share(value) for value in values]
        if max(shares) - min(shares) <= 1 / 3:
            low, high = number_texts(sorted([float(min(values)), float(max(values))]))  # type: ignore[arg-type, type-var]
            parts.append(f"{each.name} {low} to {high}" if low != high else f"{each.name} {low}")
    if not parts:
        return f"The best {len(best)} trials share no value of these hyperparameters."
    return f"The best {len(best)} trials share: {', '.join(parts)}."
