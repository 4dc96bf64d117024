"""Chart 1: the best complete trial so far, against epochs and against time."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.decisions.gain import FURTHER, Gain
from search.decisions.history import Trial
from search.reports.numbers import number_text, number_texts
from search.reports.page.chart import (
    ACCENT,
    BAND,
    FAINT,
    SOFT,
    SOLID,
    Chart,
    figure,
    gap_text,
    label,
    many,
    round_short,
    span_text,
    table,
    view,
)
from search.reports.page.facts import Facts

__all__ = ["Improvement", "best_so_far", "gain_sentence", "improvements"]

MOST_DOTS = 1500


@dataclass(frozen=True, kw_only=True)
class Improvement:
    """A complete trial that was better than all before it."""

    trial: int
    value: float
    # Of the whole study until then: trials begun, epochs, and seconds at work.
    trials: int
    epochs: int
    worked_s: float


def best_so_far(facts: Facts) -> Chart:
    steps = improvements(facts)
    ends = _ends(facts)
    by_epochs = [(step.epochs, step.value) for step in steps]
    by_time = [(step.worked_s, step.value) for step in steps]
    last_s = facts.worked_s(facts.history.spans[-1].ended) if facts.history.spans else 0.0
    figures = [
        _figure(
            facts, by_epochs, [(e, v, t) for e, _, v, t in ends], facts.history.epochs, "epochs"
        ),
        _figure(facts, by_time, [(s, v, t) for _, s, v, t in ends], last_s, "seconds at work"),
    ]
    values = number_texts([step.value for step in steps])
    rows = [
        [step.trial, value, step.trials, step.epochs, span_text(step.worked_s)]
        for step, value in zip(steps, values, strict=True)
    ]
    columns = ["trial", facts.metric, "trials begun until then", "epochs", "time at work"]
    return Chart(
        id="best-so-far",
        title="Best so far",
        caption=_caption(facts, steps),
        figures=figures if facts.trained else [],
        table=table(columns, rows),
        note=_note(facts),
    )


def improvements(facts: Facts) -> list[Improvement]:
    """In the order of time."""
    found: list[Improvement] = []
    begun = sorted(trial.started_at for trial in facts.history.trials)
    times = sorted(at for trial in facts.history.trials for at in trial.epoch_times)
    for trial in sorted(facts.complete, key=lambda t: (t.epoch_times[-1], t.number)):
        value, at = facts.value(trial), trial.epoch_times[-1]
        if not found or facts.better(value, found[-1].value):
            found.append(
                Improvement(
                    trial=trial.number,
                    value=value,
                    trials=bisect.bisect_right(begun, at),
                    epochs=bisect.bisect_right(times, at),
                    worked_s=facts.worked_s(at),
                )
            )
    return found


def _ends(facts: Facts) -> list[tuple[int, float, float, Trial]]:
    """Where each trial's last epoch lies: epochs until then, seconds at work, value."""
    times = sorted((t.epoch_times[i], t.number) for t in facts.trained for i in range(t.epoch))
    at_epoch = {number: count for count, (_, number) in enumerate(times, 1)}
    thin = -(-len(facts.trained) // MOST_DOTS)
    kept = [t for t in facts.trained if t.number % thin == 0 or t.epoch >= facts.max_epochs]
    return [
        (at_epoch[t.number], facts.worked_s(t.epoch_times[-1]), facts.value(t), t) for t in kept
    ]


def _figure(
    facts: Facts,
    steps: Sequence[tuple[float, float]],
    dots: Sequence[tuple[float, float, Trial]],
    end: float,
    against: str,
) -> Any:
    data: list[dict[str, Any]] = []
    for complete, colour, name in ((False, FAINT, "stopped at a rung"), (True, SOLID, "complete")):
        of = [dot for dot in dots if (dot[2].epoch >= facts.max_epochs) == complete]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [round_short(x) for x, _, _ in of],
                "y": [round_short(y) for _, y, _ in of],
                "customdata": [trial.number for _, _, trial in of],
                "marker": {"size": 5 if complete else 4, "color": colour},
                "hovertemplate": "trial %{customdata}: %{y}<extra></extra>",
            }
        )
    if steps:
        xs, ys = [x for x, _ in steps] + [end], [y for _, y in steps] + [steps[-1][1]]
        noise = facts.example_noise
        if noise is not None:
            data.append(_edge(xs, [y - noise for y in ys], None))
            data.append(_edge(xs, [y + noise for y in ys], "noise of examples"))
        line = {"color": ACCENT, "width": 2.5, "shape": "hv"}
        data.append({**_line(xs, ys), "name": "best so far", "line": line})
    data += [
        {
            **_line([0, end], [baseline.value] * 2),
            "name": label(baseline.name, 24),
            "line": {"color": SOFT, "width": 1.2, "dash": ["dot", "dash", "dashdot"][i % 3]},
        }
        for i, baseline in enumerate(facts.baselines)
    ]
    return figure(
        data,
        label=f"{facts.metric}, best so far against {against}",
        x={"title": {"text": against}, "rangemode": "tozero"},
        y={"title": {"text": label(facts.metric)}, **_view(facts)},
    )


def _view(facts: Facts) -> dict[str, Any]:
    noise, values = facts.example_noise or 0.0, [facts.value(trial) for trial in facts.trained]
    must = [baseline.value for baseline in facts.baselines]
    if facts.best is not None:
        must += [facts.value(facts.best) - noise, facts.value(facts.best) + noise]
    return view(values, facts.task.sign, must)


def _line(xs: Sequence[float], ys: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [round_short(x) for x in xs],
        "y": [round_short(y) for y in ys],
    }


def _edge(xs: Sequence[float], ys: Sequence[float], name: str | None) -> dict[str, Any]:
    edge = {**_line(xs, ys), "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    if name is None:
        return {**edge, "showlegend": False}
    return {**edge, "name": name, "fill": "tonexty", "fillcolor": BAND}


def _caption(facts: Facts, steps: Sequence[Improvement]) -> str:
    if not steps:
        if not facts.trained:
            return "No trial has finished an epoch yet: there is nothing to compare."
        first = facts.furthest[0]
        value = number_text(facts.value(first))
        return (
            f"No trial is complete yet. Furthest is trial {first.number}, {facts.metric} {value} "
            f"after {first.epoch} of {facts.max_epochs} epochs."
        )
    last = steps[-1]
    share = last.epochs / facts.history.epochs
    told = (
        f"The best, {facts.metric} {number_text(last.value)}, was reached by trial {last.trial} "
        f"after {many(last.epochs, 'epoch')} ({share:.0%} of those trained) and "
        f"{span_text(last.worked_s)}"
    )
    if len(steps) > 1:
        told += f"; until then the best was bettered {many(len(steps) - 1, 'time')}"
    return f"{told}. {gain_sentence(facts)}"


def gain_sentence(facts: Facts) -> str:
    """What more trials may bring, against the noise."""
    gain, noise = facts.gain, facts.example_noise
    if gain is None:
        return "What more trials would bring is unknown: too few have been tried."
    told = (
        f"{FURTHER} more trials may be expected to better it by {gap_text(gain.mean)} "
        f"({gap_text(gain.low)} to {gap_text(gain.high)}, in 8 of 10 cases)"
    )
    if gain.noise is not None:
        told += f", {_than(gain, gain.noise)} the noise of one seed (±{gap_text(gain.noise)})"
    if noise is None:
        return f"{told}; what other examples would change is unknown."
    return f"{told}, {_than(gain, noise)} the noise of examples (±{gap_text(noise)})."


def _than(gain: Gain, noise: float) -> str:
    if gain.high < noise:
        return "less than"
    return "more than" if gain.low > noise else "perhaps more than"


def _note(facts: Facts) -> str:
    noise = facts.example_noise
    if noise is None:
        return "The noise of one score is unknown, so no band is drawn."
    return (
        f"The band is the best's 95% interval over validation examples, ±{gap_text(noise)}. "
        "What the luck of its one seed adds is not in it."
    )
