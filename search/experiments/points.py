"""Named points trained in full on several seeds, as a study that goes on when it is asked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search.driver.new_study import new_study
from search.driver.reopen import reopen
from search.driver.study import StudyHandle
from search.errors import UserError
from search.record.commands import command
from search.record.record import Record, Study
from search.tasks.points import Points
from search.tasks.task import Task

__all__ = ["train_points"]


def train_points(
    record: Record,
    name: str,
    task_name: str,
    task: Task,
    points: Points,
    seeds: int,
    *,
    address: str | None,
    quiet: bool,
    say: Callable[[str], None],
    **settings: Any,
) -> Study:
    """The study of that name, finished. `settings`: of `new_study`. Raises UserError (it is there
    and of something else), EndedEarly."""
    runs = len(points) * seeds
    if name in record.names():
        study = record.study(name)
        _check_same(record, study, points, seeds, settings)
        session = record.history(study).last_session
        if session is not None and session.event == "finished":
            return study
        opened, runs = reopen(record, study, task, address=address, say=say)
    else:
        opened = new_study(
            task_name,
            studies_dir=record.folder,
            record_url=record.url,
            address=address,
            say=say,
            name=name,
            points=points,
            point_seeds=seeds,
            trials=0,
            scheduler="none",
            **settings,
        )
    StudyHandle(record, opened.study, task).drive(opened, runs, None, address, quiet, say)
    return opened.study


def _check_same(
    record: Record, study: Study, points: Points, seeds: int, settings: Mapping[str, Any]
) -> None:
    known = study.config
    asked = {
        "points": {name: dict(values) for name, values in points.items()},
        "seeds": seeds,
        "max_epochs": settings.get("max_epochs", known.max_epochs),
        "dataset": settings.get("dataset") or known.dataset,
    }
    found = {
        "points": known.points,
        "seeds": known.point_seeds,
        "max_epochs": known.max_epochs,
        "dataset": known.dataset,
    }
    if differing := [field for field, value in asked.items() if found[field] != value]:
        raise UserError(
            f"study {study.name} is on record with other {', '.join(differing)}: "
            f"`{command(record, f'delete {study.name}')}` to begin anew"
        )
