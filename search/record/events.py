"""A study's events as rows of the record's tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from search.decisions.history import Event
from search.errors import RecordError, first_line
from search.files.text import writable
from search.record import schema
from search.record.outbox import Row
from search.record.study import Study

__all__ = ["event_row", "last_event", "read_events"]


def read_events(
    connection: sa.Connection, study: Study, after: int, missing: frozenset[str] = frozenset()
) -> list[tuple[int, float, Event]]:
    """Events with a sequence number above `after`, in order: (sequence, time, event). `missing`:
    columns that the record has not."""
    found: list[tuple[int, float, Event]] = []
    newest, _ = last_event(connection, study)  # what a driver adds meanwhile is for next time
    for kind, table in schema.EVENTS.items():
        names = [field.name for field in dataclasses.fields(kind) if field.name not in missing]
        objects = [name for name in names if isinstance(table.c[name].type, sa.JSON)]
        query = sa.select(*(table.c[name] for name in ("sequence", "at", *names))).where(
            table.c.study_id == study.id, table.c.sequence.between(after + 1, newest)
        )
        last = after
        try:
            for row in connection.execute(query.order_by(table.c.sequence)).mappings():
                values = {name: row[name] for name in names}
                for name in objects:
                    if values[name] is None and table.c[name].nullable:
                        del values[name]
                    elif not isinstance(values[name], dict):
                        raise TypeError(f"its {name} is no JSON object")
                event = kind(**values)
                last = row["sequence"]
                found.append((last, row["at"], event))
        except (TypeError, ValueError) as error:
            raise RecordError(
                f"an event of study {study.name!r} cannot be read, the first in {table.name} after "
                f"event {last}: {first_line(error)}"
            ) from error
    return sorted(found, key=lambda item: item[0])


def last_event(connection: sa.Connection, study: Study) -> tuple[int, float]:
    """The sequence number and the time of the study's last event; 0 before the first."""
    newest = [  # each found by the table's key: a maximum over `at` would read every row
        sa.select(table.c.sequence, table.c.at)
        .where(table.c.study_id == study.id)
        .order_by(table.c.sequence.desc())
        .limit(1)
        .subquery()
        for table in schema.EVENTS.values()
    ]
    rows = connection.execute(sa.union_all(*[sa.select(each) for each in newest])).all()
    return max(((row[0], row[1]) for row in rows), default=(0, 0.0))


def event_row(
    study_id: int, sequence: int, at: float, event: Event, missing: frozenset[str] = frozenset()
) -> Row:
    """`missing`: columns that the record has not."""
    names = [field.name for field in dataclasses.fields(event) if field.name not in missing]
    values = {name: _plain(getattr(event, name)) for name in names}
    row = {"study_id": study_id, "sequence": sequence, "at": at, **values}
    return schema.EVENTS[type(event)], row


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        # As a reason or a traceback: whatever a user's code says. JSON keeps text as it is.
        return writable(value)
    return dict(value) if isinstance(value, Mapping) else value
