"""The lock of the test split: it opens at promotion only, and never in a process that trains."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

from trainables.errors import SplitLockedError

__all__ = ["keep_test_split_locked", "require_unlocked", "unlocked_test_split"]

_unlocked = contextvars.ContextVar("test split unlocked", default=False)
_kept_locked = False


@contextlib.contextmanager
def unlocked_test_split() -> Iterator[None]:
    """The only context in which a test split opens: `promote` and `predict --evaluate` enter it,
    with the reading on the ledger. Raises SplitLockedError in a process that trains."""
    if _kept_locked:
        raise SplitLockedError("the test split stays locked in a process that trains")
    token = _unlocked.set(True)
    try:
        yield
    finally:
        _unlocked.reset(token)


def keep_test_split_locked() -> None:
    """From now on nothing in this process opens a test split: called where trials run."""
    global _kept_locked
    _kept_locked = True


def require_unlocked() -> None:
    """Raises SplitLockedError unless inside `unlocked_test_split`: every loader's first line."""
    if not _unlocked.get():
        raise SplitLockedError(
            "the test split is locked: it is read by `promote` and `predict --evaluate` only"
        )
