"""The record's database on a cluster: PostgreSQL, and an advisory lock a study.

A driver writes on the very connection that holds its lock: whoever has lost the lock cannot write.
A connection that breaks, or a server that does not answer, is an UnreachableError.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from search.errors import RecordError, UnreachableError, first_line
from search.files.addresses import has_secret
from search.record.database import Database, acquire_lock, locked_error
from search.record.json_text import json_text
from search.record.version import check_version, make_tables, missing_columns, tables_exist

__all__ = ["Postgresql"]

RETRY_S = 1.0  # between two attempts to reach a server that does not answer
_CLIENT = {
    "connect_timeout": 3,  # s; each address of the host has it
    "client_encoding": "utf8",
    "keepalives_idle": 10,  # s; a server that is cut off is noticed after 25 s
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms; after 10 s where something was sent
}
# The server's side of it: a driver whose machine is gone holds its lock for 25 s more.
_SERVER = {
    "synchronous_commit": "on",
    "idle_session_timeout": 0,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms; keepalives say nothing while an answer waits for its receipt
}
_HOLDER = sa.text(
    "SELECT a.application_name FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32) | l.objid::bigint = :key"
)


@dataclass
class _Lock:
    name: str
    connection: sa.Connection | None  # None: lost


class Postgresql(Database):
    """The database at `url`; its tables are made if they are not there and `create` says so.

    Raises RecordError; UnreachableError where nothing answers.
    """

    def __init__(self, url: str, *, create: bool) -> None:
        address = _parse_url(url)
        # No other process has this name: by it a driver knows a lock as its own.
        self._application = f"search {socket.gethostname()[:20]}:{os.getpid()} "
        self._application += secrets.token_hex(8)
        options = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
        arguments = {**_CLIENT, "application_name": self._application, "options": options}
        engine = sa.create_engine(
            address, pool_pre_ping=True, connect_args=arguments, json_serializer=json_text
        )
        super().__init__(url, engine, url)
        # A lock lives and dies with its connection, so that is in no pool.
        self._locks = sa.create_engine(
            address, poolclass=sa.NullPool, connect_args=arguments, json_serializer=json_text
        )
        self._driving: _Lock | None = None
        self._failures, self._last_error = 0, ""  # in a row, and the last
        self._retry_at = 0.0
        self._make_tables(create)

    def _make_tables(self, create: bool) -> None:
        with self.connect(write=True) as connection:
            check_version(connection, self.location)
            if tables_exist(connection):
                self.missing = missing_columns(connection)
                return
            if not create:
                raise RecordError(
                    f"no studies in {self.location}: start one with `python -m search run TASK`, "
                    "or say where they are with --record"
                )
            # Two processes may be at it.
            key = {"key": _key("tables")}
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), key)
            make_tables(connection)

    @contextlib.contextmanager
    def connect(self, *, write: bool = False) -> Iterator[sa.Connection]:
        """Raises UnreachableError, at once where a server that does not answer was just asked."""
        begun = time.monotonic()
        if begun < self._retry_at:
            raise UnreachableError(self._last_error)
        try:
            with super().connect(write=write) as connection:
                yield connection
        except UnreachableError as error:
            self._failures, self._last_error = self._failures + 1, str(error)
            if self._failures > 1:  # one may be a connection that broke while nobody used it
                now = time.monotonic()
                self._retry_at = now + max(RETRY_S, 5 * (now - begun))  # waiting holds up trials
            raise
        self._failures = 0

    @contextlib.contextmanager
    def transaction(self, write: bool) -> Iterator[sa.Connection]:
        driving = self._driving
        if not write or driving is None:
            with super().transaction(write) as connection:
                yield connection
            return
        if driving.connection is None:
            driving.connection = self._reacquire(driving.name)
        try:
            with driving.connection.begin():
                yield driving.connection
        finally:
            if driving.connection.invalidated:
                driving.connection = None

    def unusable(self, error: Exception) -> RecordError:
        cause = getattr(error, "orig", None) or error
        reason, state = first_line(cause), getattr(cause, "sqlstate", None)
        reason = reason.removeprefix("connection failed: ")
        if isinstance(error, sa.exc.OperationalError) and (
            # No state: not the server's word but the client's. 53: no room, too many connections.
            state is None or error.connection_invalidated or state[:2] in ("08", "53", "57")
        ):
            return UnreachableError(f"{self.location} does not answer: {reason}. {_advice(reason)}")
        return RecordError(
            f"{self.location} cannot be used: {reason}. Its user needs the right to create tables "
            "and to write to them"
        )

    @contextlib.contextmanager
    def driver_lock(self, name: str) -> Iterator[None]:
        """The server frees a dead driver's: at once, or 25 s after its machine is gone."""
        assert self._driving is None, "a process drives one study at a time"
        with self.as_record_errors():
            driving = _Lock(name, self._locks.connect())
        try:
            with self.as_record_errors():
                self._acquire(driving)
            self._driving = driving
            yield
        finally:
            self._driving = None
            if driving.connection is not None:
                with contextlib.suppress(sa.exc.DatabaseError), driving.connection as last:
                    last.execute(sa.text("SELECT pg_advisory_unlock_all()"))

    def _acquire(self, driving: _Lock) -> None:
        connection, name = driving.connection, driving.name
        assert connection is not None
        acquire_lock(
            lambda: _try_lock(connection, name), name, lambda: _readable(_holder(connection, name))
        )

    def _reacquire(self, name: str) -> sa.Connection:
        """The lock of a driver whose connection broke, on a new one."""
        connection = self._locks.connect()
        if _try_lock(connection, name):
            self.reacquired += 1
            return connection
        holder = _holder(connection, name)
        connection.close()
        if holder in (None, self._application):
            raise UnreachableError(f"{self.location} has not noticed yet that a connection broke")
        raise locked_error(name, _readable(holder))

    def keep_lock(self) -> None:
        try:
            self._ping()
        except UnreachableError:  # that a connection broke is found out by using it
            self._ping()

    def _ping(self) -> None:
        with self.connect(write=True) as connection:
            connection.execute(sa.text("SELECT 1"))

    def driven(self, name: str) -> bool:
        with self.connect() as connection:
            return _holder(connection, name) is not None


def _try_lock(connection: sa.Connection, name: str) -> bool:
    """Whether the driver's lock could be taken; the connection then holds it to its end."""
    with connection.begin():
        query = sa.text("SELECT pg_try_advisory_lock(:key)")
        return bool(connection.execute(query, {"key": _key(name)}).scalar_one())


def _holder(connection: sa.Connection, name: str) -> str | None:
    """Which process holds the driver's lock, "" if the server does not say; None: nobody."""
    row = connection.execute(_HOLDER, {"key": _key(name)}).first()
    connection.rollback()
    return None if row is None else row[0] or ""


def _readable(holder: str | None) -> str:
    """Without what makes the process's name its own."""
    return (holder or "").rpartition(" ")[0]


def _key(name: str) -> int:
    """An advisory lock is known by a number of 64 bits."""
    digest = hashlib.sha256(f"search {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _parse_url(url: str) -> sa.URL:
    """For SQLAlchemy. What cannot be read is not repeated: it may hold a password."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        address = None
    scheme, there, _ = url.partition("://")
    if address is None or address.drivername not in ("postgresql", "postgresql+psycopg"):
        raise RecordError(
            "the record's URL must be postgresql://USER@HOST:PORT/DATABASE; the one given begins "
            f"with {scheme + '://' if there else 'none of the kind'!r}"
        )
    if address.password is not None or has_secret(url):
        raise RecordError(
            "the record's URL holds a password, which would be shown and logged: leave it out, and "
            "put HOST:PORT:DATABASE:USER:PASSWORD into ~/.pgpass (mode 0600)"
        )
    return address.set(drivername="postgresql+psycopg")


def _advice(reason: str) -> str:
    if "password" in reason:
        return "Put HOST:PORT:DATABASE:USER:PASSWORD into ~/.pgpass (mode 0600)"
    if "database" in reason and "does not exist" in reason:
        return "Make the database (createdb), or name another with --record"
    if "does not exist" in reason:
        return "Name a user of the server in the URL"
    if "space" in reason:
        return "Make room on the server's disk"
    return "Start the server, or say where it is with --record"
