"""What can go wrong that a user can put right.

    UserError                what was asked for cannot be done as asked
    ├── RecordError          the study's record
    │   ├── StudyLockedError     another driver works on the study
    │   └── UnreachableError     its database's server does not answer; it may again
    ├── ArchiveError         a study's archive file
    ├── StorageError         where every node keeps a study's files
    ├── ClusterError         the machines
    ├── TrackingError        the MLflow tracking server or store
    ├── RegistryError        the MLflow model registry
    └── EndedEarly           a study was ended before its end; it can be resumed

Each message is one line: the value seen, the rule, and the choices. A command prints it and exits
with 2; of a full disk with 1, as nothing was asked for wrongly. `trainables` has one of its own,
DataError (trainables/errors.py). Whatever else escapes a command is a defect of ours and keeps its
traceback.
"""

from __future__ import annotations

import errno
from typing import Literal

from search.files.text import writable

__all__ = [
    "DISK_FULL",
    "ArchiveError",
    "ClusterError",
    "EndedEarly",
    "Outcome",
    "RecordError",
    "RegistryError",
    "StorageError",
    "StudyLockedError",
    "TrackingError",
    "UnreachableError",
    "UserError",
    "can_be_put_right",
    "first_line",
    "reason_of",
]


class UserError(ValueError):
    """What was asked for cannot be done as asked; the message says why and what to do."""


class RecordError(UserError):
    """The record cannot be used as asked."""


class StudyLockedError(RecordError):
    """Another driver works on the study."""


class UnreachableError(RecordError):
    """The database's server does not answer; it may again."""


class ArchiveError(UserError):
    """An archive cannot be made, or is not one that can be taken in."""


class StorageError(UserError):
    """A storage cannot be used as asked, or does not answer."""


class ClusterError(UserError):
    """A cluster cannot be used as asked."""


class TrackingError(UserError):
    """The tracking server cannot be used."""


class RegistryError(UserError):
    """The registry cannot answer as asked."""


Outcome = Literal["stopped", "interrupted", "failed"]


class EndedEarly(UserError):  # noqa: N818 (an outcome, not an error)
    """The study was ended before its end; it can be resumed.

    `outcome`: stopped (asked to, or its time budget is spent), interrupted (a signal) or failed (it
    cannot go on). `why`: one line. `study`: its name.
    """

    def __init__(self, outcome: Outcome, why: str, study: str = "") -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why
        self.study = study


DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# Of the machine that a command runs on, not of its code.
_OF_THE_MACHINE = {
    *DISK_FULL,
    errno.EACCES,
    errno.EEXIST,
    errno.EIO,
    errno.EISDIR,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
    errno.ESTALE,
}


def can_be_put_right(error: BaseException) -> bool:
    """Whether a user can: no defect of ours, but told in one line."""
    from trainables.errors import DataError

    if isinstance(error, OSError):
        return error.errno in _OF_THE_MACHINE
    return isinstance(error, UserError | DataError)


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its kind where it says nothing, or cannot."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return writable(next(iter(text.strip().splitlines()), type(error).__name__).strip())


def reason_of(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    kind, line = type(error).__name__, first_line(error)
    return kind if line == kind else f"{kind}: {line}"
