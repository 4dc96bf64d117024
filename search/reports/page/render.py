"""The page itself: one HTML file with all that it needs, which asks nothing of anybody."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from search.files.text import write_whole
from search.record.record import Record, Study
from search.reports.page.ablation import ablation
from search.reports.page.again import command_again, configuration, made_of
from search.reports.page.answers import answers, headline
from search.reports.page.best_so_far import best_so_far
from search.reports.page.chart import Chart
from search.reports.page.coordinates import coordinates
from search.reports.page.cost import cost, failures
from search.reports.page.curves import curves
from search.reports.page.facts import Facts, gather
from search.reports.page.importance import importance, importances
from search.reports.page.promotion import fresh_scores, promotion
from search.reports.page.ranges import drawn, mirrored
from search.reports.page.relief import relief
from search.reports.page.rungs import rungs
from search.reports.page.slices import boundaries, slices, widen_sentence
from search.reports.page.timeline import timeline
from search.reports.recorded_task import shown_task
from search.tasks.task import Task

__all__ = ["charts", "now_text", "page", "render", "write_report"]


def write_report(record: Record, name: str, path: Path, task: Task | None = None) -> Path:
    """Write the page of the study of that name, whole or not at all; where it lies. `task`: where
    the study's is known already. Raises UserError, OSError."""
    study: Study = record.study(name)
    return write_whole(page(gather(record, study, task or shown_task(record, study))), path)


def now_text(record: Record) -> str:
    now = datetime.datetime.fromtimestamp(record.now(), datetime.UTC)
    return f"{now:%Y-%m-%d %H:%M} UTC"


def charts(facts: Facts, trials: Sequence[FrozenTrial]) -> list[Chart]:
    """In the order of the page. `trials`: by `mirrored`."""
    ranked = importances(facts, trials)
    found = [
        best_so_far(facts),
        curves(facts),
        coordinates(facts, trials, ranked),
        importance(facts, ranked),
        slices(facts, trials, ranked),
        ablation(facts),
        relief(facts, trials, ranked),
        rungs(facts),
        timeline(facts),
        cost(facts),
        failures(facts),
        promotion(facts, fresh_scores(facts)),
    ]
    return [chart for chart in found if chart is not None]


def page(facts: Facts) -> str:
    """The study's page, as HTML."""
    trials = mirrored(facts)
    shown = charts(facts, trials)
    sentence = widen_sentence(boundaries(facts, drawn(facts, trials)))
    return render(
        "page.html.j2",
        shown,
        title=facts.study.name,
        facts=facts,
        headline=headline(facts),
        answers=answers(facts, [sentence] if sentence else []),
        charts=shown,
        configuration=configuration(facts),
        made_of=made_of(facts),
        again=command_again(facts),
        made_at=now_text(facts.record),
    )


def render(template: str, drawn: Sequence[Chart], **values: Any) -> str:
    """Fill a template of this folder; the figures of `drawn` are drawn by plotly, which is in the
    page. All text is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("search.reports.page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        plotly=Markup(_file("plotly", "package_data/plotly.min.js")),
        style=Markup(_file("search.reports.page", "page.css")),
        script=Markup(_file("search.reports.page", "page.js")),
        figures=Markup(_json(_figures(drawn))),
        **values,
    )


def _figures(drawn: Sequence[Chart]) -> dict[str, Mapping[str, Any]]:
    """By the id of the element that is to hold each."""
    return {
        f"{chart.id}-{number}": dataclasses.asdict(figure)
        for chart in drawn
        for number, figure in enumerate(chart.figures)
    }


def _json(value: Any) -> str:
    """For a script element: nothing in it can end that."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file(package: str, name: str) -> str:
    content = pkgutil.get_data(package, name)
    assert content is not None, f"{name} is a part of {package}"
    return content.decode()
