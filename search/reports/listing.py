"""The studies of a record, a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from search.errors import RecordError, first_line
from search.record.overview import Overview
from search.record.record import Record, Study
from search.reports.numbers import number_text
from search.tasks.registry import find_task, is_loaded

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["describe_listing", "list_studies", "studies_table"]


def list_studies(
    record: Record, on_problem: Callable[[str], None] = lambda line: None
) -> list[dict[str, Any]]:
    """In the order of their creation, a promotion's own left out: name, task, state, trials (total,
    complete, failed), objective (metric, mode) and best (trial, value), which are None where
    the study's task cannot be imported from here. `on_problem`: takes a line for each that cannot
    be read."""
    for unreadable in record.unreadable_studies():
        on_problem(str(unreadable))
    studies = [study for study in record.studies() if study.config.parent is None]
    overviews = record.overviews(studies)
    shown = []
    for study in studies:
        overview = overviews.get(study.id, Overview())
        if overview.damaged:
            try:
                record.events(study)
            except RecordError as error:
                on_problem(f"{study.name} cannot be shown: {first_line(error)}")
        else:
            shown.append(_line(record, study, overview))
    return shown


def _line(record: Record, study: Study, overview: Overview) -> dict[str, Any]:
    objective = objective_of(study)
    best = None
    if objective is not None:
        metric, sign = objective["metric"], 1 if objective["mode"] == "max" else -1
        complete = overview.complete.items()
        scored = [(sign * m[metric], -trial) for trial, m in complete if metric in m]
        if scored:
            value, trial = max(scored)
            best = {"trial": -trial, "value": sign * value}
    return {
        "name": study.name,
        "task": study.config.task,
        "state": _state(overview, record.driven(study.name)),
        "trials": {
            "total": overview.trials,
            "complete": len(overview.complete),
            "failed": overview.failed,
        },
        "objective": objective,
        "best": best,
    }


def objective_of(study: Study) -> dict[str, str] | None:
    """Metric and mode, as the study's record has them; of an older record as its task has, if this
    process has that. Imports nothing that a record names: it may be somebody else's."""
    known = study.origin.get("objective")
    if isinstance(known, Mapping) and isinstance(known.get("metric"), str):
        return {"metric": known["metric"], "mode": str(known.get("mode"))}
    if not is_loaded(study.config.task):
        return None
    task = find_task(study.config.task)
    return {"metric": task.metric, "mode": task.mode}


def _state(overview: Overview, driven: bool) -> str:
    if driven:
        return "running"
    return overview.session if overview.session not in (None, "started") else "interrupted"


def studies_table(record: Record) -> pd.DataFrame:
    """`list_studies` as a table; best: the value."""
    import pandas as pd

    columns = ["name", "task", "state", "trials", "metric", "best"]
    rows = [
        (
            study["name"],
            study["task"],
            study["state"],
            study["trials"]["total"],
            study["objective"] and study["objective"]["metric"],
            study["best"] and study["best"]["value"],
        )
        for study in list_studies(record)
    ]
    return pd.DataFrame(rows, columns=columns)


def describe_listing(studies: list[dict[str, Any]]) -> str:
    """A line a study, for a terminal."""
    lines = []
    for study in studies:
        best = "none complete"
        if study["objective"] is None:
            best = "unknown: its record does not tell the metric"
        elif study["best"]:
            best = f"{study['objective']['metric']} {number_text(study['best']['value'])}"
        lines.append(
            f"{study['name']:<30} {study['task']:<6} {study['state']:<12} "
            f"{study['trials']['total']:>5} trials  best {best}"
        )
    return "\n".join(lines)
