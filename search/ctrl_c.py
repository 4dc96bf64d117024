"""Ctrl-C, at any moment of a command: quiet, and the exit code that shells give it.

A study that is driven ends in good order (search/driver/ending.py); all else leaves at once, since
nothing of it can be left half done, and an exception may be lost in the import of a library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

__all__ = ["Interrupted", "interruptible"]


class Interrupted(KeyboardInterrupt):
    """By a signal: a user's own code may raise KeyboardInterrupt, too."""


def _leave_at_once() -> None:
    """From now on in a process that is `python -m search`; anywhere else the handling of signals
    is somebody else's. This is imported while Python still looks for `search.__main__`."""
    ours = sys.argv[:1] == ["-m"] and "search" in sys.orig_argv
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside it, where it is `_leave` that is called, Ctrl-C raises Interrupted instead; when it
    comes again it leaves."""
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(number, _leave)
    raise Interrupted


_leave_at_once()
