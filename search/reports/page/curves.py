"""Chart 2: learning curves, the best lit, the rungs marked, coloured by what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.decisions.history import Trial
from search.reports.numbers import number_texts
from search.reports.page.chart import (
    ACCENT,
    FAILED,
    FAINT,
    LINE,
    SOFT,
    SOLID,
    Chart,
    figure,
    label,
    many,
    round_short,
    table,
    view,
)
from search.reports.page.facts import Facts

__all__ = ["curves"]

# Of each fate so many curves are drawn at most, and so many points of one.
MOST_CURVES, MOST_POINTS = 300, 100
FATES = (
    (("pruned", "paused"), "stopped at a rung", FAINT, 1.0),
    (("complete",), "complete", SOLID, 1.2),
    (("running",), "running", SOFT, 1.5),
    (("failed",), "failed", FAILED, 1.2),
)


def curves(facts: Facts) -> Chart:
    drawn, left_out = [], 0
    for states, name, colour, width in FATES:
        trials = [t for t in facts.of_state(*states) if t.epochs and t is not facts.best]
        kept = thinned(trials)
        left_out += len(trials) - len(kept)
        if kept:
            drawn.append({**_trace(facts, kept, name), "line": {"color": colour, "width": width}})
    if facts.best is not None:
        line = {"color": ACCENT, "width": 3}
        drawn.append({**_trace(facts, [facts.best], f"trial {facts.best.number}"), "line": line})
    return Chart(
        id="curves",
        title="Learning curves",
        caption=_caption(facts),
        figures=[_figure(facts, drawn)] if drawn else [],
        table=_table(facts),
        note=f"{many(left_out, 'curve')} between those shown are left out." if left_out else "",
    )


def thinned(trials: Sequence[Trial]) -> list[Trial]:
    """At most `MOST_CURVES` of them, evenly."""
    step = max(len(trials) / MOST_CURVES, 1.0)
    return [trials[int(i * step)] for i in range(min(len(trials), MOST_CURVES))]


def _trace(facts: Facts, trials: Sequence[Trial], name: str) -> dict[str, Any]:
    """All curves as one line that is broken between two: one trace is drawn as quickly as one
    curve."""
    xs: list[int | None] = []
    ys: list[float | None] = []
    numbers: list[int | None] = []
    for trial in trials:
        step = -(-trial.epoch // MOST_POINTS)
        shown = sorted({*range(1, trial.epoch + 1, step), *_rungs_of(facts, trial), trial.epoch})
        xs += [*shown, None]
        ys += [*(round_short(facts.value(trial, epoch)) for epoch in shown), None]
        numbers += [*([trial.number] * len(shown)), None]
    single = all(trial.epoch == 1 for trial in trials)
    return {
        "type": "scatter",
        "mode": "markers" if single else "lines+markers",
        "name": name,
        "x": xs,
        "y": ys,
        "customdata": numbers,
        "connectgaps": False,
        "marker": {"size": 3},
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y}<extra></extra>",
    }


def _rungs_of(facts: Facts, trial: Trial) -> list[int]:
    return [rung for rung in facts.ladder if rung <= trial.epoch]


def _figure(facts: Facts, data: Sequence[dict[str, Any]]) -> Any:
    shapes = [
        {
            "type": "line",
            "x0": rung,
            "x1": rung,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "line": {"color": LINE, "width": 1, "dash": "dot"},
        }
        for rung in facts.ladder[:-1]
    ]
    notes = [
        {
            "x": rung,
            "yref": "paper",
            "y": 0,
            "yanchor": "bottom",
            "xanchor": "left",
            "text": "rung",
            "showarrow": False,
            "font": {"size": 11, "color": SOFT},
        }
        for rung in facts.ladder[:-1]
    ]
    return figure(
        data,
        label=f"{facts.metric} by epoch, a line a trial",
        x={"title": {"text": "epoch"}, "range": [0.8, facts.max_epochs + 0.2]},
        y={"title": {"text": label(facts.metric)}, **_view(facts)},
        shapes=shapes,
        annotations=notes,
        height=420,
    )


def _view(facts: Facts) -> dict[str, Any]:
    values = [facts.value(trial, epoch) for trial in facts.trained for epoch in _shown(trial)]
    best = [facts.value(facts.best, e + 1) for e in range(facts.best.epoch)] if facts.best else []
    return view(values, facts.task.sign, best)


def _shown(trial: Trial) -> list[int]:
    return [1, trial.epoch]


def _caption(facts: Facts) -> str:
    counts = facts.summary["trials"]
    if not facts.history.trials:
        return "No trial has begun."
    stopped = counts["pruned"] + counts["paused"]
    told = f"Of {many(counts['total'], 'trial')} {counts['complete']} trained in full"
    if stopped:
        told += f", {stopped} {'was' if stopped == 1 else 'were'} stopped at a rung"
    told += f", {counts['failed']} failed" if counts["failed"] else ""
    told += f", {counts['running']} in training" if counts["running"] else ""
    return f"{told}. {_leads(facts)}".strip()


def _leads(facts: Facts) -> str:
    """Where the best stood at each rung."""
    best = facts.best
    if best is None or len(facts.ladder) < 2:
        return ""
    places = []
    for rung in facts.ladder[:-1]:
        others = [t for t in facts.trained if t.epoch >= rung]
        ahead = sum(facts.better(facts.value(t, rung), facts.value(best, rung)) for t in others)
        places.append(f"{ahead + 1} of {len(others)} at epoch {rung}")
    peak = max(
        range(1, best.epoch + 1),
        key=lambda epoch: (facts.task.sign * facts.value(best, epoch), epoch),
    )
    told = f"The best one's place was {', '.join(places)}."
    if peak < best.epoch:
        told += f" It stood highest at epoch {peak}; what counts is its last epoch."
    return told


def _table(facts: Facts) -> Any:
    trials = facts.furthest
    shown = [epoch for epoch in facts.ladder if any(t.epoch >= epoch for t in trials)]
    columns = ["trial", "state", "epochs", *(f"{facts.metric} at epoch {e}" for e in shown)]
    values = {(t.number, e): facts.value(t, e) for t in trials for e in shown if t.epoch >= e}
    texts = dict(zip(values, number_texts(list(values.values())), strict=True))
    rows = [
        [
            t.number,
            facts.states[t.number],
            t.epoch,
            *(texts.get((t.number, epoch), "") for epoch in shown),
        ]
        for t in trials
    ]
    return table(columns, rows)
