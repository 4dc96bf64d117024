"""Events that a driver has appended and a server that does not answer has not taken yet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from search.errors import StudyLockedError, UnreachableError
from search.record import schema
from search.record.database import Database

__all__ = ["Outbox", "Row", "insert_rows"]

Row = tuple[sa.Table, dict[str, Any]]


class Outbox:
    """Writes rows in their order. In an outage they wait in memory: they are lost with the driver,
    and then made again from checkpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: list[Row] = []
        self._reacquired = database.reacquired  # as of the last write

    def __len__(self) -> int:
        return len(self._rows)

    def write(self, rows: list[Row], *, wait: bool) -> None:
        """In one transaction. `wait`: keep them while the server does not answer.

        Raises UnreachableError if they may not wait.
        """
        if not self._rows:
            try:
                self._insert(rows)
                return
            except UnreachableError:
                if not wait:
                    raise
        self._rows += rows
        self.flush()

    def flush(self) -> bool:
        """Try to write what waits; whether nothing is left. Raises StudyLockedError."""
        if not self._rows:
            return True
        try:
            self._insert(self._rows, again=True)
        except UnreachableError:
            return False
        self._rows.clear()
        return True

    def _insert(self, rows: list[Row], *, again: bool = False) -> None:
        """`again`: some may be there. While the lock was lost, others may have written."""
        with self._database.connect(write=True) as connection:
            reacquired = self._database.reacquired
            if again or reacquired != self._reacquired:
                rows = _not_on_record(connection, rows)
            insert_rows(connection, rows)
        self._reacquired = reacquired

    def wait_until_written(self, patience_s: float) -> None:
        """Wait until all is written. Raises UnreachableError after `patience_s` seconds."""
        patience_ends = time.monotonic() + patience_s
        while not self.flush():
            if time.monotonic() > patience_ends:
                raise UnreachableError(
                    f"{self._database.location} has not answered for {patience_s:.0f} s: the "
                    f"study's last {len(self)} events are not on record; resume it when the server "
                    "is back, and they are made again from checkpoints"
                )
            time.sleep(0.1)

    def clear(self) -> None:
        self._rows.clear()


def insert_rows(connection: sa.Connection, rows: Iterable[Row]) -> None:
    """In their order."""
    for table, row in rows:
        connection.execute(sa.insert(table), row)


def _not_on_record(connection: sa.Connection, rows: list[Row]) -> list[Row]:
    """Those not on record: of a commit whose answer was lost, they are. Raises StudyLockedError."""
    _, first = rows[0]
    known = set()
    for table in schema.EVENTS.values():
        query = sa.select(table.c.sequence, table.c.at).where(
            table.c.study_id == first["study_id"], table.c.sequence >= first["sequence"]
        )
        known |= {(sequence, at) for sequence, at in connection.execute(query)}
    if not known <= {(row["sequence"], row["at"]) for _, row in rows}:
        raise StudyLockedError(
            f"another driver has worked on the study while the record could not be reached: the "
            f"last {len(rows)} events of this one are dropped"
        )
    return [(table, row) for table, row in rows if (row["sequence"], row["at"]) not in known]
