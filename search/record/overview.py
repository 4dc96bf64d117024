"""What a list of studies shows of each, by one query a kind of event for all of them.

To fold every study's events into a history would take a second for ten studies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from search.record import schema
from search.record.database import Database

__all__ = ["Overview", "overviews"]


@dataclass(kw_only=True)
class Overview:
    """One study's numbers."""

    trials: int = 0
    failed: int = 0
    # The last session's event; None before the first.
    session: str | None = None
    # Metrics of each complete trial's last epoch, by trial.
    complete: dict[int, Mapping[str, float]] = field(default_factory=dict)
    # Whether there is an event that cannot be read.
    damaged: bool = False


def overviews(database: Database, full_length: Mapping[int, int]) -> dict[int, Overview]:
    """By the study's id; a study without any event is not there. `full_length`: the epoch at which
    a trial is complete, by study."""
    found: dict[int, Overview] = {}
    with database.connect() as connection:
        for study, trials in connection.execute(_count(schema.suggestions)):
            found.setdefault(study, Overview()).trials = trials
        final = schema.failures.c.final.is_(True)
        failed: set[tuple[int, int]] = set()
        for study, trial in connection.execute(_rows(schema.failures, "trial").where(final)):
            found.setdefault(study, Overview()).failed += 1
            failed.add((study, trial))
        # As text: whatever is in one row, the others are read.
        text = sa.cast(schema.epochs.c.metrics, sa.Text)
        complete = schema.epochs.c.epoch.in_(set(full_length.values()))
        for study, trial, epoch, metrics in connection.execute(
            _rows(schema.epochs, "trial", "epoch").add_columns(text).where(complete)
        ):
            if epoch == full_length.get(study) and (study, trial) not in failed:
                _add_complete(found.setdefault(study, Overview()), trial, metrics)
        for study, event in connection.execute(
            _rows(schema.sessions, "event").order_by(schema.sessions.c.sequence)
        ):
            found.setdefault(study, Overview()).session = event
    return found


def _add_complete(overview: Overview, trial: int, text: str) -> None:
    try:
        metrics = json.loads(text)
        overview.complete[trial] = {name: float(value) for name, value in metrics.items()}
    except (AttributeError, TypeError, ValueError):
        overview.damaged = True


def _count(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.study_id, sa.func.count()).group_by(table.c.study_id)


def _rows(table: sa.Table, *columns: str) -> sa.Select[Any]:
    return sa.select(table.c.study_id, *(table.c[name] for name in columns))
