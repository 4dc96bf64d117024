"""The ledger of the test splits' readings: how often what must stay unseen was seen.

In the record's database, written before the data is opened; it outlives the studies. It knows, too,
what validation splits were used to choose for: which studies that were deleted have chosen by one,
and which models were compared by it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from search.record.database import Database
from search.record.schema import readings

__all__ = ["CHOSEN", "COMPARED", "Ledger", "insert_reading", "validation_split"]

# Purposes of a validation split's rows.
CHOSEN, COMPARED = "a study chose", "models were compared"


def validation_split(dataset: str, data_hash: str) -> str:
    """The split's hash on the ledger, which no test split has."""
    return hashlib.sha256(f"validation {dataset} {data_hash}".encode()).hexdigest()


class Ledger:
    """Of all studies of one record. `now`: the record's clock."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database, self._now = database, now

    def note(self, model_hash: str, split_hash: str, *, study: str, purpose: str) -> None:
        """Note a reading, durable when this returns: before the data is opened. The same weights
        on the same split are one reading, however often."""
        row = {
            "at": self._now(),
            "model_hash": model_hash,
            "split_hash": split_hash,
            "study": study,
            "purpose": purpose,
        }
        with (
            contextlib.suppress(sa.exc.IntegrityError),
            self._database.connect(write=True) as connection,
        ):
            connection.execute(sa.insert(readings), row)

    def count(self, split_hash: str, study: str | None = None) -> int:
        """How many models a test split was read for, by one study or by all of this record."""
        query = sa.select(sa.func.count()).where(readings.c.split_hash == split_hash)
        if study is not None:
            query = query.where(readings.c.study == study)
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def note_choice(self, study: str, split_hash: str) -> None:
        """Note that a study, by its name on the ledger, has chosen by a validation split."""
        by = hashlib.sha256(f"study {study}".encode()).hexdigest()
        self.note(by, split_hash, study=study, purpose=CHOSEN)

    def rows(self, split_hash: str, purpose: str) -> list[dict[str, Any]]:
        """All of a split and purpose, in order."""
        query = sa.select(readings.c.model_hash, readings.c.study).where(
            readings.c.split_hash == split_hash, readings.c.purpose == purpose
        )
        with self._database.connect() as connection:
            found = connection.execute(query.order_by(readings.c.id)).mappings()
            return [dict(row) for row in found]

    def tested_by(self, study: str) -> int:
        """How many models a study has read test splits for."""
        rows = self.readings(study)
        return sum(row["purpose"] not in (CHOSEN, COMPARED) for row in rows)

    def readings(self, study: str) -> list[dict[str, Any]]:
        """A study's rows, of validation splits too, in order."""
        columns = [column for column in readings.c if column is not readings.c.id]
        query = sa.select(*columns).where(readings.c.study == study).order_by(readings.c.id)
        with self._database.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def insert_reading(connection: sa.Connection, reading: Mapping[str, Any]) -> None:
    """Take a reading of another record's ledger over; one that is known stays one."""
    same = [readings.c[name] == reading[name] for name in ("model_hash", "split_hash")]
    if connection.execute(sa.select(readings.c.id).where(*same)).first() is None:
        connection.execute(sa.insert(readings), dict(reading))
