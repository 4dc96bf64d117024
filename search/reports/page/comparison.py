"""Several studies on one page: the best of each against epochs and time, with intervals where a
setting was tried with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.errors import UserError
from search.files.text import write_whole
from search.record.record import Record
from search.reports.numbers import estimate_text, number_texts
from search.reports.page.again import command_again
from search.reports.page.chart import (
    ACCENT,
    SOLID,
    Chart,
    figure,
    gap_text,
    label,
    many,
    round_short,
    span_text,
    table,
)
from search.reports.page.facts import Facts, gather
from search.reports.page.progress_of_several import progress
from search.reports.page.render import now_text, render
from search.reports.page.settings import Setting, headline, settings_of
from search.reports.page.timeline import core_time
from search.reports.recorded_task import shown_task
from search.statistics.intervals import difference_of_seeds

__all__ = ["compare", "write_comparison"]


def write_comparison(record: Record, names: Sequence[str], path: Path) -> Path:
    """Write the page of these studies, whole or not at all. Raises UserError, OSError."""
    return write_whole(compare(record, names), path)


def compare(record: Record, names: Sequence[str]) -> str:
    """The page as HTML. Raises UserError where the studies do not compare."""
    rows = [record.study(name) for name in dict.fromkeys(names)]
    studies = [gather(record, row, shown_task(record, row)) for row in rows]
    if len(studies) < 2:
        raise UserError(f"compare takes two studies at least, got {', '.join(names)}")
    objectives = {f"{facts.metric} ({facts.task.mode})": facts.study.name for facts in studies}
    if len(objectives) > 1:
        told = "; ".join(f"{name} has {objective}" for objective, name in objectives.items())
        raise UserError(f"studies are compared by one objective: {told}")
    settings = settings_of(studies)
    charts = [progress(studies, settings), _bests(settings), _costs(studies)]
    return render(
        "compare.html.j2",
        charts,
        title=", ".join(setting.name for setting in settings),
        names=names,
        metric=studies[0].metric,
        headline=headline(studies),
        charts=charts,
        again=[command_again(facts) for facts in studies],
        made_at=now_text(record),
    )


def _bests(settings: Sequence[Setting]) -> Chart:
    known = [setting for setting in settings if setting.bests]
    rows = []
    for setting in known:
        mean = setting.mean
        assert mean is not None
        told = estimate_text(mean.mean, mean.low, mean.high)
        rows.append(
            [setting.name, len(setting.bests), told, max(setting.bests), min(setting.bests)]
        )
    facts = settings[0].studies[0]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "y": [label(setting.name, 32) for setting in known for _ in setting.bests],
            "x": [round_short(best) for setting in known for best in setting.bests],
            "marker": {"color": SOLID, "size": 8},
            "showlegend": False,
        },
        *_mean_marks(known),
    ]
    return Chart(
        id="bests",
        title="The best of each",
        caption=_bests_caption(known),
        figures=[
            figure(
                data,
                label=f"best {facts.metric} by setting",
                x={"title": {"text": label(facts.metric)}},
                y={"type": "category", "autorange": "reversed"},
                height=130 + 34 * len(known),
            )
        ]
        if known
        else [],
        table=table(["setting", "seeds", "mean of the best", "highest", "lowest"], rows),
        note="The best of a search is optimistic, the more so the more trials it is chosen from.",
    )


def _mean_marks(known: Sequence[Setting]) -> list[dict[str, Any]]:
    several = [(s, s.mean) for s in known if s.mean is not None and s.mean.low is not None]
    if not several:
        return []
    half = [round_short((m.high or 0.0) - m.mean) for _, m in several]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "y": [label(setting.name, 32) for setting, _ in several],
            "x": [round_short(mean.mean) for _, mean in several],
            "error_x": {"type": "data", "array": half, "color": ACCENT, "width": 0},
            "marker": {"color": ACCENT, "size": 12, "symbol": "line-ns-open"},
            "showlegend": False,
        }
    ]


def _bests_caption(known: Sequence[Setting]) -> str:
    if len(known) < 2:
        return "Fewer than two settings have a complete trial."
    sign = known[0].studies[0].task.sign
    ranked = sorted(known, key=lambda setting: -sign * float(np.mean(setting.bests)))
    first, second = ranked[:2]
    gap = abs(float(np.mean(first.bests) - np.mean(second.bests)))
    told = f"{first.name} is {gap_text(gap)} ahead of {second.name}"
    found = difference_of_seeds(first.bests, second.bests)
    if found is None:
        return f"{told}; with one seed of each, whether that is more than luck is unknown."
    verdict = "beyond" if found.beyond_noise else "within"
    interval = estimate_text(found.mean, found.low, found.high, signed=True)
    return f"{told} on average, {interval}: {verdict} the noise of seeds."


def _costs(studies: Sequence[Facts]) -> Chart:
    values = iter(number_texts([f.value(f.best) for f in studies if f.best is not None]))
    rows = [
        [
            facts.study.name,
            facts.state,
            next(values) if facts.best is not None else "none",
            len(facts.history.trials),
            facts.history.epochs,
            span_text(facts.summary["wall_s"]),
            span_text(core_time(facts).training),
            facts.study.config.seed,
        ]
        for facts in studies
    ]
    names = ["study", "state", f"best {studies[0].metric}", "trials", "epochs", "time", "CPU time"]
    cheapest = min(studies, key=lambda facts: core_time(facts).training)
    return Chart(
        id="costs",
        title="What they cost",
        caption=f"{cheapest.study.name} took the least CPU time, "
        f"{span_text(core_time(cheapest).training)}, for {many(cheapest.history.epochs, 'epoch')}.",
        table=table([*names, "seed"], rows),
    )
