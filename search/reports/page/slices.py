"""Chart 5: the score by each hyperparameter, and where to widen a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from search.decisions.history import Trial
from search.errors import UserError
from search.reports.page.chart import (
    ACCENT,
    INK,
    PAPER,
    Chart,
    Figure,
    figure,
    label,
    round_short,
    rung_colour,
    table,
    view,
)
from search.reports.page.facts import Facts
from search.reports.page.importance import Importance
from search.reports.page.ranges import Drawn, drawn
from search.reports.page.relief import spread

__all__ = ["Boundary", "boundaries", "slices", "widen_sentence"]

# A value so near the end of its range, as a share of it, lies at the boundary.
NEAR = 0.05
MOST_SLICES, MOST_DOTS = 12, 250
BEST = 3


@dataclass(frozen=True)
class Boundary:
    """The best lies at an end of a range."""

    name: str
    end: float
    widen_to: float
    best_there: int  # of the best `of` complete trials
    of: int


def boundaries(facts: Facts, all_drawn: Sequence[Drawn]) -> list[Boundary]:
    """Of the numbers whose range is known, where most of the best lie there. Whether a wider range
    is sensible is not known here."""
    if facts.best is None or len(facts.complete) < BEST:
        return []
    found = []
    for each in all_drawn:
        value = each.values.get(facts.best.number)
        if value is None or each.is_choice or not each.known:
            continue
        share = each.share(value)
        if NEAR < share < 1 - NEAR:
            continue
        high = share > 0.5
        best = [t for t in facts.complete[:BEST] if t.number in each.values]
        wider = _wider(each, high)
        if not _allowed(facts, each.name, wider):
            continue
        there = sum(abs(each.share(each.values[t.number]) - high) <= NEAR for t in best)
        end = each.ends[high]
        if 2 * there <= len(best):
            continue
        found.append(Boundary(each.name, end, wider, there, len(best)))
    return found


def _allowed(facts: Facts, name: str, value: float) -> bool:
    """Whether the task's own configuration takes it: no range has to be widened below zero."""
    assert facts.best is not None
    config = dict(facts.best.suggestion.config)
    whole = isinstance(config.get(name), int)
    try:
        facts.task.configure({**config, name: int(value) if whole else value})
    except (UserError, TypeError):
        return False
    return True


def _wider(each: Drawn, high: bool) -> float:
    """By half the range, of logarithms or of numbers; at least a step."""
    low, top = map(each.place, each.ends)
    by = (top - low) / 2
    place = top + by if high else low - by
    wider: float = 10**place if each.log else place
    step = getattr(each.distribution, "step", None)
    if step:
        start, sign = each.ends[high], 1 if high else -1
        return float(start + sign * max(round(abs(wider - start) / step), 1) * step)
    return float(f"{wider:.2g}")


def widen_sentence(found: Sequence[Boundary]) -> str:
    """ "" where the best lies within all ranges."""
    if not found:
        return ""
    parts = [
        f"{each.name} ({each.end:.3g}, as in {each.best_there} of the best {each.of}): widen to "
        f"{each.widen_to:.3g}"
        for each in found
    ]
    return f"The best lies at the end of the range of {'; of '.join(parts)}."


def slices(facts: Facts, trials: Sequence[FrozenTrial], ranked: Sequence[Importance]) -> Chart:
    """`trials`: by `mirrored`. `ranked`: the most important first."""
    order = {each.name: place for place, each in enumerate(ranked)}
    all_drawn = sorted(drawn(facts, trials), key=lambda each: order.get(each.name, len(order)))
    numbers = {trial.number - 1 for trial in trials}
    with_value = [t for t in facts.furthest if t.number in numbers]
    edges = {each.name: each for each in boundaries(facts, all_drawn)}
    # One whose end is marked is seen, however little it matters.
    shown = sorted(all_drawn, key=lambda each: each.name not in edges)[:MOST_SLICES]
    figures = [_slice(facts, each, with_value, edges.get(each.name)) for each in shown]
    return Chart(
        id="slices",
        title="Where good values lie",
        caption=_caption(facts, all_drawn, list(edges.values())),
        figures=figures if with_value else [],
        small=True,
        table=_table(facts, all_drawn, with_value),
        note="Height is the score at a trial's last epoch, colour its rung; the ring is the best. "
        f"Of more than {MOST_DOTS} trials those that got furthest are drawn, and some of the rest.",
    )


def _kept(facts: Facts, with_value: Sequence[Trial]) -> list[Trial]:
    if len(with_value) <= MOST_DOTS:
        return list(with_value)
    first, rest = with_value[: MOST_DOTS // 2], with_value[MOST_DOTS // 2 :]
    step = len(rest) / (MOST_DOTS // 2)
    return [*first, *(rest[int(i * step)] for i in range(MOST_DOTS // 2))]


def _slice(facts: Facts, each: Drawn, with_value: Sequence[Trial], edge: Boundary | None) -> Figure:
    of = [t for t in _kept(facts, with_value) if t.number in each.values]
    places = spread(facts, each, [t.number for t in of])
    rungs = [sum(t.epoch >= rung for rung in facts.ladder) - 1 for t in of]
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [round_short(place) for place in places],
            "y": [round_short(facts.value(t)) for t in of],
            "customdata": [[t.number, label(each.values[t.number])] for t in of],
            "marker": {
                "size": 6,
                "color": [rung_colour(max(rung, 0), len(facts.ladder)) for rung in rungs],
                "line": {
                    "color": INK,
                    "width": [2 if t is facts.best else 0 for t in of],
                },
            },
            "hovertemplate": "trial %{customdata[0]}: %{customdata[1]}, %{y}<extra></extra>",
            "showlegend": False,
        }
    ]
    axis = each.axis(list(each.values))
    (low, high), ticks = axis.scale, list(zip(axis.ticks, axis.texts, strict=True))
    if not each.is_choice:
        ticks = ticks[::2]
    margin = 0.5 if each.is_choice else 0.12 * (high - low) or 0.5
    layout: dict[str, Any] = {"margin": {"l": 44, "r": 8, "t": 26, "b": 30}}
    if edge is not None:
        layout |= _mark(each, edge)
    title = {"text": label(each.name, 30), "font": {"size": 13}, "x": 0.02, "y": 0.98}
    return figure(
        data,
        label=f"{facts.metric} by {each.name}",
        x={
            "tickvals": [round_short(tick) for tick, _ in ticks],
            "ticktext": [text for _, text in ticks],
            "tickangle": 0,
            "range": [round_short(low - margin), round_short(high + margin)],
        },
        y={**view([facts.value(t) for t in with_value], facts.task.sign)},
        height=210,
        title={**title, "yanchor": "top"},
        **layout,
    )


def _mark(each: Drawn, edge: Boundary) -> dict[str, Any]:
    """A line at the end of the range, and where to go."""
    place = round_short(each.place(edge.end))
    right = edge.end == each.ends[1]
    line = {"color": ACCENT, "width": 1.5, "dash": "dot"}
    span = {"x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    note = {
        "x": place,
        "yref": "paper",
        "y": 0.02,
        "yanchor": "bottom",
        "xanchor": "right" if right else "left",
        "text": f"widen to {edge.widen_to:.3g}",
        "showarrow": False,
        "font": {"size": 11, "color": ACCENT},
        "bgcolor": PAPER,
    }
    return {"shapes": [{"type": "line", "line": line, **span}], "annotations": [note]}


def _caption(facts: Facts, all_drawn: Sequence[Drawn], edges: Sequence[Boundary]) -> str:
    if not all_drawn:
        return "Nothing was drawn, or no trial has reached the first rung."
    if len(facts.complete) < BEST:
        return f"Fewer than {BEST} trials are complete, so no boundary is marked."
    if not edges:
        return "The best lies within the range of every hyperparameter: none needs to be widened."
    return widen_sentence(edges)


def _table(facts: Facts, all_drawn: Sequence[Drawn], with_value: Sequence[Trial]) -> Any:
    """Of each hyperparameter the range, and the values of the best trials."""
    best = with_value[:BEST]
    rows = []
    for each in all_drawn:
        if each.is_choice:
            range_ = ", ".join(str(choice) for choice in each.choices)
        else:
            low, high = each.ends
            range_ = f"{low:.4g} to {high:.4g}{', log' if each.log else ''}"
        values = [each.values.get(t.number, "not used") for t in best]
        rows.append([each.name, range_ if each.known else f"{range_} (seen)", *values])
    return table(["hyperparameter", "range", *(f"trial {t.number}" for t in best)], rows)
