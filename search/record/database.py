"""What a record asks of its database; sqlite.py and postgresql.py answer it."""

from __future__ import annotations

import abc
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import sqlalchemy as sa

from search.errors import RecordError, StudyLockedError

__all__ = [
    "Database",
    "acquire_lock",
    "locked_error",
]

LOCK_PATIENCE_S = 1.0


class Database(abc.ABC):
    """An engine whose commits are durable, and a lock for each study's driver."""

    missing: frozenset[str] = frozenset()  # columns that an older record has not
    reacquired = 0  # so many times has this driver's lock been lost and taken again

    def __init__(self, location: str, engine: sa.Engine, url: str | None = None) -> None:
        self.location = location  # as a user knows it
        self.url = url  # of a server
        self.engine = engine

    @contextlib.contextmanager
    def connect(self, *, write: bool = False) -> Iterator[sa.Connection]:
        """One transaction. What a user can put right is a RecordError."""
        with self.as_record_errors(), self.transaction(write) as connection:
            yield connection

    @contextlib.contextmanager
    def as_record_errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DatabaseError as error:
            raise self.unusable(error) from error

    @contextlib.contextmanager
    def transaction(self, write: bool) -> Iterator[sa.Connection]:
        with self.engine.begin() if write else self.engine.connect() as connection:
            yield connection

    @abc.abstractmethod
    def unusable(self, error: Exception) -> RecordError:
        """Why the record cannot be used, and the way back."""

    @abc.abstractmethod
    def driver_lock(self, name: str) -> AbstractContextManager[None]:
        """Held by the one driver of a study for its life; a dead driver's is freed.

        Raises StudyLockedError if another driver holds it.
        """

    def keep_lock(self) -> None:  # noqa: B027 (a lock of the kernel needs nothing)
        """Take this driver's lock again if it was lost. Raises StudyLockedError."""

    @abc.abstractmethod
    def driven(self, name: str) -> bool:
        """Whether a driver is at work on the study now."""


def acquire_lock(
    attempt: Callable[[], bool], name: str, holder: Callable[[], str | None] = lambda: None
) -> None:
    """Try for a second: a driver killed just now may not quite be gone. Raises StudyLockedError."""
    patience_ends = time.monotonic() + LOCK_PATIENCE_S
    while not attempt():
        if time.monotonic() > patience_ends:
            raise locked_error(name, holder())
        time.sleep(0.02)


def locked_error(name: str, holder: str | None = None) -> StudyLockedError:
    by = f" ({holder})" if holder else ""
    return StudyLockedError(
        f"study {name!r} is being driven by another process{by}; see it with "
        f"`python -m search show {name}`"
    )
