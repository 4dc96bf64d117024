"""What a command asks of a study's driver: left in the record, which the driver looks into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import sqlalchemy as sa

from search.record import schema
from search.record.database import Database
from search.record.study import Study

__all__ = ["Request", "Requests"]

Request = Literal["stop", "stop now"]


class Requests:
    """Of all studies of one record. `now`: the record's clock."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database, self._now = database, now

    def add(self, study: Study, request: Request) -> None:
        """Leave a request to the study's driver, which looks for them each second."""
        row = {"study_id": study.id, "at": self._now(), "request": request}
        one_by_one = sa.select(schema.studies.c.id).where(schema.studies.c.id == study.id)
        with self._database.connect(write=True) as connection:
            connection.execute(one_by_one.with_for_update())  # numbers are seen in their order
            connection.execute(sa.insert(schema.requests), row)

    def after(self, studies: Sequence[Study], number: int) -> list[tuple[int, Request]]:
        """Requests to any of the studies, numbered above `number`, in order."""
        table = schema.requests
        query = sa.select(table.c.id, table.c.request).where(
            table.c.study_id.in_([study.id for study in studies]), table.c.id > number
        )
        with self._database.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query.order_by(table.c.id))]

    def newest(self, studies: Sequence[Study]) -> int:
        """The number of the newest request to any of them; 0 if there is none."""
        return max((number for number, _ in self.after(studies, 0)), default=0)
