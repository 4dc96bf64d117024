"""A command in a terminal of its own, whose screen is read as a person would see it (pyte)."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

__all__ = ["Terminal"]


class Terminal:
    """Starts the command; a context that ends it."""

    def __init__(
        self,
        command: Sequence[str],
        columns: int,
        rows: int = 24,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.code: int | None = None
        size = struct.pack("HHHH", rows, columns, 0, 0)
        known = {k: v for k, v in (env or os.environ).items() if k not in ("COLUMNS", "LINES")}
        self._process, self._fd = pty.fork()
        if self._process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(cwd or Path.cwd())
            os.execvpe(command[0], list(command), {**known, "TERM": "xterm-256color"})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)
        self._output = select.poll()
        self._output.register(self._fd, select.POLLIN)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            os.kill(self._process, 9)
            os.waitpid(self._process, 0)
        os.close(self._fd)

    @property
    def lines(self) -> list[str]:
        """Of the screen as it is, without what has left it at its top."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """All that can be read, what has left the screen at its top too."""
        rows = [
            "".join(row[column].data for column in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        return "\n".join([*rows, *self.lines])

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, seen: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Read what the command writes until `seen`; it fails when it has not come in time."""
        ends = time.monotonic() + limit_s
        while not seen():
            assert time.monotonic() < ends, f"not seen in {limit_s} s:\n{self.text}"
            if not self._read(0.1) and self.code is not None:
                assert seen(), f"the command ended before:\n{self.text}"

    def ended(self, limit_s: float = 60.0) -> int:
        """Its exit code, once it has ended."""
        self.until(lambda: self.code is not None, limit_s)
        assert self.code is not None
        return self.code

    def _read(self, patience_s: float) -> bool:
        # Not select, which takes no descriptor above 1023: a long run of tests has many open.
        if self._output.poll(1000 * patience_s):
            try:
                read = os.read(self._fd, 2**16)
            except OSError:  # the command has ended
                read = b""
            if read:
                self.written += read
                self._stream.feed(read)
                return True
            if self.code is None:
                self.code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return False
