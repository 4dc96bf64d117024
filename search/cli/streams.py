"""Standard streams that are closed, that break, or that are to hold JSON alone."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["ensure_streams", "json_alone", "leave_pipe", "lenient", "print_json_line"]

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
# Where JSON goes while stdout leads to stderr.
_json: TextIO | None = None


def ensure_streams() -> None:
    """Open what is closed (`<&- >&- 2>&-`) on nothing: else the first file that is opened, as a
    database, takes the number of a stream, and is written over by who prints."""
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            stream = open(  # noqa: SIM115 (as long as the process)
                number, mode, encoding="utf-8", errors="replace", closefd=False
            )
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def leave_pipe() -> bool:
    """Whoever read our output has gone (`list | head -1`): let nothing more break on it. Whether
    it was so."""
    nowhere, left = os.open(os.devnull, os.O_WRONLY), False
    for stream in (sys.stdout, sys.stderr):
        if _is_broken(stream):
            left = True
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return left


def _is_broken(stream: TextIO) -> bool:
    try:
        asked = select.poll()
        asked.register(stream.fileno(), 0)
        broken = bool(asked.poll(0))
        stream.flush()
    except (OSError, ValueError):
        return True
    return broken


class _Lenient:
    """A stream whose reader may go away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(BrokenPipeError):
            return self._stream.write(text)
        leave_pipe()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            leave_pipe()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """Inside it a study goes on though nobody reads what it says any more."""
    with (
        contextlib.redirect_stdout(_Lenient(sys.stdout)),
        contextlib.redirect_stderr(_Lenient(sys.stderr)),
    ):
        yield


@contextlib.contextmanager
def json_alone() -> Iterator[None]:
    """Inside it all that is printed, by a user's code and by its processes too, goes to stderr,
    but for `print_json_line`."""
    global _json
    before, _json = _json, sys.stdout
    saved: int | None = None
    try:
        with contextlib.suppress(OSError, ValueError):
            if sys.stdout.fileno() == 1:
                sys.stdout.flush()
                saved = os.dup(1)
                _json = open(  # noqa: SIM115 (closed below)
                    saved, "w", encoding="utf-8", errors="backslashreplace"
                )
                os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if saved is not None:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os.dup2(saved, 1)
            with contextlib.suppress(BrokenPipeError):
                _json.close()
        _json = before


def print_json_line(text: str) -> None:
    print(text, file=_json or sys.stdout, flush=True)
