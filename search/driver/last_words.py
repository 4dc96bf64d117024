"""What a process that trains says in the trial's log as it dies, and how a driver reads it.

Ray knows that a worker's connection has ended, and gives the same list of likely causes each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from search.driver.attempts import Cause
from search.files.paths import log_file

__all__ = ["DIED", "Logs", "last_words", "true_cause"]

STDERR = 2
# How Ray's account of a death begins (search/driver/hooks.py).
DIED = "its process died"
_LEFT = "search: this process leaves by os._exit"
_FATAL = "Fatal Python error: "
_SIGNALS = {
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
    "Segmentation fault": "SIGSEGV",
}
# A list of all that was imported, which ends a note of faulthandler.
_OF_NO_USE = "Extension modules: "
_TAIL_LINES = 20
_MOST_BYTES = 100_000


@contextlib.contextmanager
def last_words(log: TextIO) -> Iterator[None]:
    """Inside it a crash, and a call of os._exit, leave a note in the trial's log."""
    process, leave = os.getpid(), os._exit

    def leave_with_a_word(code: int) -> None:
        # A child of a trial's code ends so, too, and is no worker.
        if os.getpid() == process:
            # Also from a handler of signals, which may have come amid another write.
            with contextlib.suppress(Exception):
                caller = traceback.extract_stack(limit=2)[0]
                place = f'  File "{caller.filename}", line {caller.lineno} in {caller.name}'
                log.write(f"{_LEFT}({code})\n{place}\n")
                log.flush()
        leave(code)

    faulthandler.enable(file=log, all_threads=False)
    os._exit = leave_with_a_word  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
        faulthandler.enable(file=STDERR, all_threads=False)


class Logs:
    """How long each trial's log was when its segment began: what follows is this attempt's."""

    def __init__(self, study_folder: Path) -> None:
        self._folder = study_folder
        self._sizes: dict[int, int] = {}

    def begin(self, trial: int) -> None:
        with contextlib.suppress(OSError):
            self._sizes[trial] = self._path(trial).stat().st_size

    def since(self, trial: int) -> str:
        """ "" where there is none, as on another machine without a shared folder."""
        try:
            with self._path(trial).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._sizes.get(trial, 0), size - _MOST_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _path(self, trial: int) -> Path:
        return log_file(self._folder, f"trial-{trial}")


def true_cause(cause: Cause, log: str) -> Cause:
    """The cause of a death, with the reason that the log of the attempt gives, and its end."""
    if not cause.reason.startswith(DIED):
        return cause
    lines = [line for line in log.splitlines() if not line.startswith(_OF_NO_USE)]
    tail = "\n".join(lines[-_TAIL_LINES:])
    return dataclasses.replace(cause, reason=f"{DIED} ({_what(log)})", traceback=tail)


def _what(log: str) -> str:
    left = log.rfind(_LEFT)
    fatal = log.rfind(_FATAL)
    if max(left, fatal) < 0:
        said = next((line for line in reversed(log.splitlines()) if line.strip()), "")
        last = f"; its log ends: {said.strip()[:200]}" if said else ""
        return f"without a word: SIGKILL, or an exit of a library's{last}"
    if left > fatal:
        code = re.match(r"\((-?\d+)\)", log[left + len(_LEFT) :])
        return f"os._exit({code[1] if code else ''}){_place(log[left:])}"
    what = log[fatal + len(_FATAL) :].splitlines()[0]
    return f"{_SIGNALS.get(what, what)}{_place(log[fatal:])}"


def _place(text: str) -> str:
    """By a user's own code, if it was there."""
    from search.tasks.whose_file import is_of_the_user

    frames = re.findall(r'^  File "(.+)", line (\d+) in (.+)$', text, re.MULTILINE)
    files = [frame for frame in frames if not frame[0].startswith("<")]
    own = [frame for frame in files if is_of_the_user(Path(frame[0]))] or frames
    return f" at {Path(own[0][0]).name}:{own[0][1]}, in {own[0][2]}" if own else ""
