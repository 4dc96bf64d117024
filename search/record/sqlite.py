"""The record's database on one machine: a file of its studies folder, and a lock file a study."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import time
import urllib.parse
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from search.errors import RecordError
from search.record.database import Database, acquire_lock
from search.record.read_only import is_read_only, opener
from search.record.version import check_version, make_tables, missing_columns, tables_exist

__all__ = ["Sqlite"]

BUSY_PATIENCE_S = 30.0  # how long a database that another program has locked is waited for


class Sqlite(Database):
    """FOLDER/record.db, made if it is not there and `create` says so."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        self._folder = folder
        path = folder / "record.db"
        self._read_only = path.is_file() and is_read_only(folder)
        self._may_make = True
        super().__init__(str(folder), self._engine(path))
        engine = self.engine
        weakref.finalize(self, engine.dispose)  # the file is whole: no write-ahead log beside it
        there = path.exists()
        if create and self._read_only:
            raise self._no_writing()
        had_studies = any(folder.glob("*/driver.lock"))
        if had_studies and not there:  # never silently begun anew: it held the ledger, too
            raise RecordError(
                f"{path} is missing, though there are studies' folders beside it: bring it back "
                "from a copy, or move those folders away"
            )
        if not there and not create:
            raise RecordError(
                f"no studies in {folder}: start one with `python -m search run TASK`, "
                "or say where they are with --studies-dir"
            )
        try:
            if not self._read_only:
                folder.mkdir(parents=True, exist_ok=True)
            if there and had_studies and not path.stat().st_size:
                raise OSError("it is empty, though there are studies: not a database")
            self._make_tables()
            self._may_make = False
            if create:
                self._check()
        except (OSError, sa.exc.DatabaseError) as error:
            raise self.unusable(error) from None

    def _open(self, dialect: sa.Dialect, _: Any, paths: list[str], options: dict[str, Any]) -> Any:
        """A file that was moved away for a while is never made anew: SQLite would take the moved
        one's write-ahead log for the new one's, and delete what is in it."""
        mode = "rwc" if self._may_make else "rw"
        address = f"file:{urllib.parse.quote(str(Path(paths[0]).absolute()))}?mode={mode}"
        return dialect.connect(address, uri=True, **options)

    def _engine(self, path: Path) -> sa.Engine:
        url = sa.URL.create("sqlite", database=str(path))  # a path may hold ? or %
        if self._read_only:
            return sa.create_engine("sqlite://", creator=opener(path), poolclass=sa.NullPool)
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_PATIENCE_S})
        sa.event.listen(engine, "do_connect", self._open)
        sa.event.listen(engine, "connect", _configure)
        return engine

    @contextlib.contextmanager
    def transaction(self, write: bool) -> Iterator[sa.Connection]:
        if write and self._read_only:
            raise self._no_writing()
        with super().transaction(write) as connection:
            yield connection

    def _no_writing(self) -> RecordError:
        return RecordError(
            f"{self._folder} is read-only: its studies can be listed, shown and exported, no more"
        )

    def _make_tables(self) -> None:
        with self.engine.begin() as connection:
            check_version(connection, self.location)
            if not tables_exist(connection):
                # Two processes may be at it, and none may see half of them.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                make_tables(connection)
            self.missing = missing_columns(connection)

    def _check(self) -> None:
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise OSError(f"malformed ({' '.join(str(found).split())})")

    def unusable(self, error: Exception) -> RecordError:
        reason, path = str(getattr(error, "orig", None) or error), self._folder / "record.db"
        if not self._may_make and not path.exists():
            advice = "is gone: bring it back, then resume the study"
        elif "full" in reason or "No space" in reason or "I/O" in reason:
            advice = f"cannot be written: {reason}. Make room on that disk, then resume the study"
        elif "locked" in reason:
            advice = f"is locked by another program: {reason}. End that program, then try again"
        elif "malformed" in reason or "not a database" in reason:
            advice = (
                f"is damaged: {reason}. Move it away and recover it: `sqlite3 DAMAGED .recover | "
                f"sqlite3 {path}` (.dump where there is no .recover)"
            )
        else:
            advice = f"cannot be used: {reason}. The folder must be there and writable"
        return RecordError(f"{path} {advice}")

    @contextlib.contextmanager
    def driver_lock(self, name: str) -> Iterator[None]:
        """The kernel frees a dead driver's. Whoever asks whether a study is `driven` shares it for
        a moment."""
        if self._read_only:
            raise self._no_writing()
        path = self._folder / name / "driver.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            acquire_lock(lambda: _try_lock(file, fcntl.LOCK_EX), name)
            yield

    def driven(self, name: str) -> bool:
        try:
            with (self._folder / name / "driver.lock").open(encoding="utf-8") as file:
                return not _try_lock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False


def _configure(connection: sqlite3.Connection, _: Any) -> None:
    """A commit is on the disk when it returns; readers never wait for the writer."""
    _use_write_ahead_log(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Where two processes give a new file its write-ahead log, SQLite tells one of them at once
    that it is locked, without the patience that it has elsewhere."""
    patience_ends = time.monotonic() + BUSY_PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience_ends:
                raise
        time.sleep(0.01)


def _try_lock(file: IO[str], kind: int) -> bool:
    """Whether the lock could be taken; it is given back when the file is closed."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
