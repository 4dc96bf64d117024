"""The best so far of several studies, with the mean of several seeds and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.reports.numbers import number_text
from search.reports.page.best_so_far import improvements
from search.reports.page.chart import (
    ACCENT,
    BAND,
    FAILED,
    INK,
    SOFT,
    SOLID,
    Chart,
    Figure,
    figure,
    label,
    many,
    round_short,
    span_text,
    table,
)
from search.reports.page.facts import Facts
from search.reports.page.settings import Setting, headline
from search.statistics.intervals import seed_interval

__all__ = ["progress"]

COLOURS = (ACCENT, SOLID, FAILED, "@rung2", INK, SOFT)
DASHES = ("solid", "dash", "dot")
GRID = 60


def progress(studies: Sequence[Facts], settings: Sequence[Setting]) -> Chart:
    figures = [_progress_figure(settings, by_time) for by_time in (False, True)]
    rows = []
    for facts in studies:
        for step in improvements(facts):
            time = span_text(step.worked_s)
            rows.append([facts.study.name, step.trial, step.value, step.epochs, time])
    return Chart(
        id="progress",
        title="Best so far",
        caption=_progress_caption(studies),
        figures=figures if rows else [],
        table=table(["study", "trial", studies[0].metric, "epochs", "time at work"], rows),
        note="Where a setting was tried with several seeds, the thick line is their mean, the band "
        "its 95% interval.",
    )


def _progress_figure(settings: Sequence[Setting], by_time: bool) -> Figure:
    data: list[dict[str, Any]] = []
    for number, setting in enumerate(settings):
        colour, single = COLOURS[number % len(COLOURS)], len(setting.studies) == 1
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        for facts in setting.studies:
            xs, ys = _steps(facts, by_time)
            line = {"color": colour, "shape": "hv", "dash": dash, "width": 2.2 if single else 0.8}
            data.append(_line(xs, ys, label(facts.study.name, 24), line, shown=single))
        if not single:
            data += _mean_lines(setting, by_time, colour)
    facts = settings[0].studies[0]
    return figure(
        data,
        label=f"best {facts.metric} of each study against {'time' if by_time else 'epochs'}",
        x={"title": {"text": "seconds at work" if by_time else "epochs"}, "rangemode": "tozero"},
        y={"title": {"text": label(facts.metric)}},
    )


def _mean_lines(setting: Setting, by_time: bool, colour: str) -> list[dict[str, Any]]:
    curves = [_steps(facts, by_time) for facts in setting.studies]
    curves = [(xs, ys) for xs, ys in curves if xs]
    if len(curves) < 2:
        return []
    begin, end = max(xs[0] for xs, _ in curves), min(xs[-1] for xs, _ in curves)
    grid = np.linspace(begin, max(begin, end), GRID)
    values_SG = np.array(
        [np.array(ys)[np.searchsorted(xs, grid, side="right") - 1] for xs, ys in curves]
    )
    found = [seed_interval(values.tolist()) for values in values_SG.T]
    xs = grid.tolist()
    edges = [[e.low if e.low is not None else e.mean for e in found]]
    edges.append([e.high if e.high is not None else e.mean for e in found])
    hidden = {"width": 0}
    low, high = (_line(xs, edge, "", hidden, shown=False) for edge in edges)
    mean = [e.mean for e in found]
    thick = {"color": colour, "width": 3}
    return [
        {**low, "hoverinfo": "skip"},
        {**high, "hoverinfo": "skip", "fill": "tonexty", "fillcolor": BAND},
        _line(xs, mean, label(setting.name, 32), thick, shown=True),
    ]


def _line(
    xs: Sequence[float], ys: Sequence[float], name: str, line: Any, *, shown: bool
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [round_short(x) for x in xs],
        "y": [round_short(y) for y in ys],
        "line": line,
        "showlegend": shown,
    }


def _steps(facts: Facts, by_time: bool) -> tuple[list[float], list[float]]:
    steps = improvements(facts)
    if not steps:
        return [], []
    end = facts.summary["wall_s"] if by_time else facts.history.epochs
    xs = [step.worked_s if by_time else float(step.epochs) for step in steps]
    return [*xs, float(end)], [*(step.value for step in steps), steps[-1].value]


def _progress_caption(studies: Sequence[Facts]) -> str:
    won = [facts for facts in studies if facts.best is not None]
    if not won:
        return "No study has a complete trial yet: there is nothing to compare."
    spent = min(facts.history.epochs for facts in studies)
    then = {}
    for facts in studies:
        reached = [step.value for step in improvements(facts) if step.epochs <= spent]
        if reached:
            then[facts.study.name] = reached[-1]
    told = f"In the end {headline(studies)} is the best."
    if not then:
        return told
    sign = studies[0].task.sign
    first = max(then, key=lambda name: sign * then[name])
    return (
        f"{told} After {many(spent, 'epoch')}, which all of them have spent, {first} led with "
        f"{number_text(then[first])}."
    )
