"""Ends this process if a call in it hangs, and says where it hung."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

__all__ = ["Watchdog"]

_DUMP = signal.SIGRTMIN + 5  # nobody else's
_ANSWER_S = 5.0


class Watchdog:
    """Used in one thread. Where there can be no process beside this one, nothing is ended: the
    driver ends what is silent for longer still."""

    def __init__(self) -> None:
        self._beside: subprocess.Popen[bytes] | None = None
        self._owner = 0

    @contextlib.contextmanager
    def limit(self, seconds: float, file: TextIO | int) -> Iterator[list[float]]:
        """What is inside takes at most `seconds`, else `file` is told where it is, and the process
        is killed. The time that the whole machine stood still does not count; it is in the list
        that is given, in seconds, at the end."""
        process, stood_still = os.getpid(), [0.0]
        faulthandler.register(_DUMP, file=file, all_threads=True)
        self._begin(seconds)
        try:
            yield stood_still
        finally:
            if os.getpid() != process:
                # A child that the trial's code has forked, and that raises, is no second worker.
                os._exit(1)
            stood_still[0] = self._end()
            faulthandler.unregister(_DUMP)

    def _begin(self, seconds: float) -> None:
        if self._beside is None or self._owner != os.getpid() or self._beside.poll() is not None:
            self._start()
        self._tell(b"%f\n" % seconds)

    def _end(self) -> float:
        self._tell(b"\n")
        answer = b""
        while self._beside is not None and not answer.endswith(b"\n"):
            assert self._beside.stdout is not None
            answers = self._beside.stdout.fileno()
            got = b""
            with contextlib.suppress(OSError):
                # `select` itself takes no descriptor above 1023, and a trial may have as many.
                asked = select.poll()
                asked.register(answers, select.POLLIN)
                if asked.poll(1000 * _ANSWER_S):
                    got = os.read(answers, 100)
            if not got:  # it has gone, or cannot go on
                self._give_up()
            answer += got
        return float(answer) if answer.endswith(b"\n") else 0.0

    def _start(self) -> None:
        code = str(Path(__file__).with_name("watchdog_process.py"))
        command = [sys.executable, "-I", "-S", code, str(os.getpid()), str(int(_DUMP))]
        self._beside, self._owner = None, os.getpid()
        with contextlib.suppress(OSError):  # as without file descriptors left
            self._beside = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )

    def _tell(self, line: bytes) -> None:
        if self._beside is not None:
            assert self._beside.stdin is not None
            try:
                self._beside.stdin.write(line)
            except (OSError, ValueError):
                self._give_up()

    def _give_up(self) -> None:
        if self._beside is not None:
            self._beside.kill()
            self._beside.wait()
        self._beside = None
