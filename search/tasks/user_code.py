"""What a user's own functions raise: told in one line, with the reason and the place.

Whatever they raise is theirs: exceptions of any kind, sys.exit() and KeyboardInterrupt. What this
project's own code raises keeps its traceback.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from search.errors import UserError, reason_of
from search.tasks.whose_file import is_in_trainables, is_of_the_user, is_ours
from trainables.errors import DataError

__all__ = ["UserCodeError", "place_of", "raised_by_user", "trace_of", "user_code", "with_place"]


class UserCodeError(UserError):
    """A function of a task has raised."""


@contextlib.contextmanager
def user_code(what: str) -> Iterator[None]:
    """Calls functions of a task: what they raise becomes a UserCodeError, "`what`: reason (place)".

    A UserError and a DataError pass as they are, and so does a defect of our own tasks' code.
    """
    try:
        yield
    except (UserError, DataError):
        raise
    except (Exception, SystemExit) as error:
        place = place_of(error)
        if place is None and any(map(is_in_trainables, _files(error.__traceback__))):
            raise
        raise UserCodeError(f"{what}: {with_place(error)}") from error


def with_place(error: BaseException) -> str:
    """The reason, and the place if it is a user's."""
    place = place_of(error)
    return f"{reason_of(error)} ({place})" if place else reason_of(error)


def place_of(error: BaseException) -> str | None:
    """Where in a user's own code it was raised: "train.py:12, in fit"; None: not in any."""
    if isinstance(error, SyntaxError) and error.filename:
        path = Path(error.filename)
        return f"{_short(path)}:{error.lineno}" if is_of_the_user(path) else None
    found = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_of_the_user(frame.filename)
    ]
    if not found:
        return None
    last = found[-1]
    return f"{_short(Path(last.filename))}:{last.lineno}, in {last.name}"


def raised_by_user(error: BaseException) -> bool:
    """Whether no code of ours was called between a user's own and what has raised."""
    files = [file for file in _files(error.__traceback__) if not str(file).startswith("<")]
    whose = [is_of_the_user(file) for file in files if is_of_the_user(file) or is_ours(file)]
    return bool(whose) and whose[-1]


def trace_of(error: BaseException) -> str:
    """The traceback from a user's own code on, without what has called it."""
    inner = error.__traceback__
    while inner is not None and not _begins(inner):
        inner = inner.tb_next
    if inner is None and isinstance(error, UserError):
        # The message says it all.
        return ""
    return "".join(traceback.format_exception(type(error), error, inner or error.__traceback__))


def _begins(frame: TracebackType) -> bool:
    name = frame.tb_frame.f_code.co_filename
    return _is_of_the_user(name) or is_in_trainables(Path(name))


def _files(trace: TracebackType | None) -> Iterator[Path]:
    for frame in traceback.extract_tb(trace):
        yield Path(frame.filename)


def _is_of_the_user(file: str) -> bool:
    if file.startswith("<ipython"):
        return True
    return not file.startswith("<") and is_of_the_user(Path(file))


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
