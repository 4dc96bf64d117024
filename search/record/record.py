"""The study's record: the one truth about it, whatever database it is kept in.

One database a studies folder. A study's driver appends events (search/decisions/history.py), each
one transaction and durable when `append` returns; no event is ever changed. All tables carry the
study's running sequence number, so that a reader can follow with a cursor.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from search.decisions.history import Event, History, Session
from search.errors import RecordError
from search.files.study_files import StudyFiles
from search.record import schema
from search.record.commands import command
from search.record.database import Database, locked_error
from search.record.events import event_row, last_event, read_events
from search.record.ledger import Ledger, insert_reading, validation_split
from search.record.outbox import Outbox, insert_rows
from search.record.overview import Overview, overviews
from search.record.postgresql import Postgresql
from search.record.requests import Requests
from search.record.sqlite import Sqlite
from search.record.study import Study, StudyWithEvents, UnreadableStudy, read_study, study_row
from search.record.study_names import is_folder_name
from search.tasks.config import StudyConfig
from search.tasks.own_names import is_own
from search.tasks.registry import is_imported_from

__all__ = ["Record", "Study", "open_record"]


class Record:
    """All studies of one studies folder."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.location = database.location  # as a user knows it
        self.url = database.url  # None: the database is a file of the folder
        self._database = database
        self._sequences: dict[int, int] = {}  # the last of each study that this process drives
        self._driving = False
        self._outbox = Outbox(database)  # of the study that is driven
        self._clock_began = time.time() - time.monotonic()
        self.ledger = Ledger(database, self.now)
        self.requests = Requests(database, self.now)

    def now(self) -> float:
        """Seconds since the Unix epoch, by a clock that never jumps while this process lives."""
        return self._clock_began + time.monotonic()

    def studies(self) -> list[Study]:
        """Those that can be read, in the order of their creation."""
        return [study for study in self._rows() if isinstance(study, Study)]

    def unreadable_studies(self) -> list[UnreadableStudy]:
        """Those that cannot; each says why."""
        return [study for study in self._rows() if isinstance(study, UnreadableStudy)]

    def names(self) -> list[str]:
        """Of all studies: none can be given again."""
        return [study.name for study in self._rows()]

    def _rows(self) -> list[Study | UnreadableStudy]:
        table = schema.studies
        # As text: whatever is in one row, the others are read.
        texts = [sa.cast(table.c[name], sa.Text).label(name) for name in ("config", "origin")]
        query = sa.select(table.c.id, table.c.name, table.c.created_at, *texts).order_by(table.c.id)
        with self._database.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [read_study(dict(row), self._check_task, self.folder) for row in rows]

    def _check_task(self, config: StudyConfig) -> None:
        for named in filter(is_own, (config.task, config.sampler, config.scheduler)):
            if is_imported_from(named, self.folder):
                raise RecordError(
                    f"{named} of study {config.name} lies in the studies folder "
                    f"{self.folder}: code is never run from there; move it"
                )

    def study(self, name: str) -> Study:
        """Raises RecordError if there is none of that name, or it cannot be read."""
        study = self.find(name)
        if isinstance(study, UnreadableStudy):
            raise RecordError(str(study))
        return study

    def find(self, name: str) -> Study | UnreadableStudy:
        """For what a study need not be read for. Raises RecordError if there is none."""
        studies = self._rows()
        for study in studies:
            if study.name == name:
                return study
        names = ", ".join(study.name for study in studies) or "none yet"
        raise RecordError(f"no study named {name!r} in {self.location}; there: {names}")

    def with_promotion(self, study: Study) -> list[Study]:
        """The study and those of its promotion. Raises RecordError if one cannot be read."""
        for part in self.unreadable_studies():
            if part.parent == study.name:
                raise RecordError(str(part))
        return [study, *(part for part in self.studies() if part.parent == study.name)]

    def create(self, config: StudyConfig, origin: Mapping[str, Any]) -> Study:
        self._check_task(config)
        row = study_row(config.name, self.now(), config, origin, self.folder)
        try:
            with self._database.connect(write=True) as connection:
                connection.execute(sa.insert(schema.studies), row)
        except sa.exc.IntegrityError:
            # One line of why, where the name's holder cannot be read.
            self.study(config.name)
            raise RecordError(
                f"a study named {config.name!r} exists in {self.location}: go on with it by "
                f"`{command(self, f'resume {config.name}')}`, or choose another --name"
            ) from None
        return self.study(config.name)

    def append(self, study: Study, *events: Event) -> list[tuple[float, Event]]:
        """Add events in one transaction; durable when this returns. Gives each with its time.

        While a server does not answer, a driver's events wait in memory (`unwritten`).
        """
        sequence = self._sequences.get(study.id)
        if sequence is None:
            with self._database.connect() as connection:
                sequence, newest = last_event(connection, study)
            self._clock_began += max(newest - self.now(), 0.0)  # the clock was set back since
        rows, added = [], []
        for event in events:
            sequence, at = sequence + 1, self.now()
            rows.append(event_row(study.id, sequence, at, event, self._database.missing))
            added.append((at, event))
        self._outbox.write(rows, wait=self._driving)
        self._sequences[study.id] = sequence
        return added

    @property
    def unwritten(self) -> int:
        """Events of this driver that are not on record yet."""
        return len(self._outbox)

    def flush(self) -> bool:
        """Try to write what an outage kept from the record; whether nothing is left.

        Raises StudyLockedError if another driver has been at the study since.
        """
        return self._outbox.flush()

    def wait_until_written(self, patience_s: float) -> None:
        """Wait until all is on record. Raises UnreachableError after `patience_s` seconds."""
        self._outbox.wait_until_written(patience_s)

    def events(self, study: Study, after: int = 0) -> list[tuple[int, float, Event]]:
        """Events with a sequence number above `after`, in order: (sequence, time, event)."""
        with self._database.connect() as connection:
            return read_events(connection, study, after, self._database.missing)

    def history(self, study: Study) -> History:
        try:
            return History((at, event) for _, at, event in self.events(study))
        except (AssertionError, IndexError) as error:  # as what `.recover` could not bring back
            raise RecordError(
                f"the record of study {study.name} has holes ({error}): it cannot go on; take it "
                "from a copy, or delete the study"
            ) from error

    def sessions(self, study: Study) -> int:
        """How many drivers have begun with it."""
        table = schema.EVENTS[Session]
        query = sa.select(sa.func.count()).where(
            table.c.study_id == study.id, table.c.event == "started"
        )
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def add_studies(
        self, family: Sequence[StudyWithEvents], readings: Sequence[Mapping[str, Any]]
    ) -> None:
        """Put studies of another record on this one as they are, all or none. Readings that are on
        the ledger already stay one."""
        try:
            with self._database.connect(write=True) as connection:
                for member in family:
                    _insert_study(connection, member, self.folder, self._database.missing)
                for reading in readings:
                    insert_reading(connection, reading)
        except sa.exc.IntegrityError:
            names = ", ".join(member.study.name for member in family)
            raise RecordError(
                f"{names} cannot be put into {self._database.location}: a study of that name was "
                "made meanwhile, or something is in it twice"
            ) from None

    def update_config(self, study: Study) -> None:
        """Of what says where and how the study runs, not what it is."""
        update = sa.update(schema.studies).where(schema.studies.c.id == study.id)
        row = study_row(study.name, study.created_at, study.config, study.origin, self.folder)
        with self._database.connect(write=True) as connection:
            connection.execute(update.values(config=row["config"], origin=row["origin"]))

    def overviews(self, studies: Sequence[Study]) -> dict[int, Overview]:
        """What a list shows of each, by its id; nothing of one without events."""
        return overviews(self._database, {s.id: s.config.max_epochs for s in studies})

    def delete(self, study: Study | UnreadableStudy) -> None:
        """Remove the study, its promotion's runs and their folders; the ledger of test readings
        stays. Raises StudyLockedError, and nothing is removed, while one of them is driven."""
        phases = [other for other in self._rows() if other.parent == study.name]
        for member in (study, *phases):
            if self.driven(member.name):
                raise locked_error(member.name)
        for phase in phases:
            self.delete(phase)
        if not is_folder_name(study.name):
            self._delete_rows(study)
            return
        with self.driver_lock(study.name):
            self.files(study).delete_from_storage()  # first: it is the part that may not answer
            self._remember_choice(study)
            self._delete_rows(study)
            shutil.rmtree(self.study_folder(study.name), ignore_errors=True)

    def _remember_choice(self, study: Study | UnreadableStudy) -> None:
        """That its best trial was chosen by its validation split stays true."""
        if isinstance(study, Study) and study.parent is None and "data" in study.origin:
            split = validation_split(study.config.dataset, str(study.origin["data"]))
            if self.history(study).trained:
                self.ledger.note_choice(study.ledger_name, split)

    def _delete_rows(self, study: Study | UnreadableStudy) -> None:
        with self._database.connect(write=True) as connection:
            for table in (*schema.EVENTS.values(), schema.requests):
                connection.execute(sa.delete(table).where(table.c.study_id == study.id))
            connection.execute(sa.delete(schema.studies).where(schema.studies.c.id == study.id))

    def files(self, study: Study | UnreadableStudy, folder: Path | None = None) -> StudyFiles:
        """The study's files, wherever they are. `folder`: in place of its own, as on its way."""
        name = f"{study.name}-{study.created_at:.3f}"
        return StudyFiles(folder or self.study_folder(study.name), study.storage, name)

    def study_folder(self, name: str) -> Path:
        """Where the study's checkpoints, predictions, logs and driver's lock are."""
        return self.folder / name

    @contextlib.contextmanager
    def driver_lock(self, name: str) -> Iterator[None]:
        """Held by the one driver of a study for its life. Raises StudyLockedError if another driver
        holds it."""
        self.study_folder(name).mkdir(parents=True, exist_ok=True)
        with self._database.driver_lock(name):
            self._sequences.clear()  # another driver may have been at work before
            self._driving = True
            try:
                yield
            finally:
                self._driving = False
                self._outbox.clear()

    def keep_lock(self) -> None:
        """Take the driver's lock again if a server's restart or a broken connection has freed it.

        Raises StudyLockedError if another driver was faster, UnreachableError.
        """
        self._database.keep_lock()

    def driven(self, name: str) -> bool:
        """Whether a driver is at work on the study now."""
        return self._database.driven(name)


def open_record(folder: Path, *, url: str | None = None, create: bool = False) -> Record:
    """The record of a studies folder, made if it is not there and `create` says so.

    It is in the PostgreSQL database at `url`, by default $SEARCH_RECORD; where that is not set
    either, in a file of the folder. Raises RecordError.
    """
    url = url or os.environ.get("SEARCH_RECORD")
    database = Postgresql(url, create=create) if url else Sqlite(folder, create=create)
    return Record(folder.resolve(), database)


def _insert_study(
    connection: sa.Connection, member: StudyWithEvents, folder: Path, missing: frozenset[str]
) -> None:
    study = member.study
    values = study_row(study.name, study.created_at, study.config, study.origin, folder)
    insert = sa.insert(schema.studies).returning(schema.studies.c.id)
    study_id = connection.execute(insert, values).scalar_one()
    insert_rows(connection, (event_row(study_id, *numbered, missing) for numbered in member.events))
