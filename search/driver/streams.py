"""What a trial's code prints goes to the trial's own log, also by a stream that it has kept.

Code that runs once a process keeps the streams that it finds (`partial(print, file=sys.stderr)`,
the handlers of `logging`), while the process goes from trial to trial. So it finds the same two
streams always, and where these lead is what changes.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = ["redirected"]


class _Stream(io.TextIOBase):
    """Leads to the log of the trial that trains now; else to where its process began with."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.log: TextIO | None = None

    @property
    def _now(self) -> TextIO | None:
        own: TextIO | None = getattr(sys, f"__{self._name}__")
        return self.log or own

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    @property
    def buffer(self) -> io.BufferedIOBase:
        """Of bytes; they pass the text that is not yet written."""
        if self._now is None:
            raise io.UnsupportedOperation("buffer")
        self._now.flush()
        return self._now.buffer  # type: ignore[return-value]

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return self._now.write(text) if self._now is not None else len(text)

    def flush(self) -> None:
        if self._now is not None:
            self._now.flush()

    def fileno(self) -> int:
        if self._now is None:
            raise io.UnsupportedOperation("fileno")
        return self._now.fileno()

    def isatty(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing: others have it, too."""


_stdout, _stderr = _Stream("stdout"), _Stream("stderr")


@contextlib.contextmanager
def redirected(log: TextIO) -> Iterator[None]:
    """Inside it, stdout and stderr lead to `log`, the kept ones included."""
    with contextlib.redirect_stdout(_stdout), contextlib.redirect_stderr(_stderr):
        _stdout.log = _stderr.log = log
        try:
            yield
        finally:
            _stdout.log = _stderr.log = None
