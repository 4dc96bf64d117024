"""Tells somebody elsewhere how a study goes: a webhook, or a command that is given JSON.

    {"event": "best", "study": "s", "text": "study s: trial 7 has dev_pearson 0.7712", "time": …}

`event` is best, finished, stopped, interrupted or failed. What cannot be told never disturbs the
study. The address is kept nowhere: who has it can write there.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from search.errors import EndedEarly, StudyLockedError, UserError, first_line, reason_of
from search.files.addresses import without_secrets
from search.reports.numbers import number_text

__all__ = ["Notifier", "check_target"]

ANSWER_S = 10.0  # what an address may take
COMMAND_S = 60.0
AT_THE_END_S = 12.0  # what is waited for when the study has ended
WAITING = 100  # messages, while an address is slow


def check_target(target: str) -> None:
    """Raises UserError where it is neither an address of the web nor a command that is there."""
    if _is_address(target):
        known = urllib.parse.urlsplit(target)
        if known.scheme not in ("http", "https") or not known.hostname:
            raise UserError("--notify takes an address that begins with http:// or https://")
        return
    try:
        words = shlex.split(target)
    except ValueError as error:
        raise UserError(f"--notify takes a URL or a command: {first_line(error)}") from None
    if not words or shutil.which(words[0]) is None:
        raise UserError(
            f"--notify takes a URL or a command; there is no command {words[0] if words else ''!r}"
        )


class Notifier:
    """Sends from a thread of its own. A context: what is left is sent at its end, for a while."""

    def __init__(self, target: str | None, study: str) -> None:
        """None: nobody is told. Raises UserError."""
        if target is not None:
            check_target(target)
        self._target, self._study = target, study
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self.problem = ""  # why the last message was not taken, without the address

    def __enter__(self) -> Notifier:
        if self._target is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._target is None:
            return
        self._put(None)
        self._thread.join(AT_THE_END_S)
        if self._thread.is_alive():
            self.problem = self.problem or f"no answer in {AT_THE_END_S:.0f} s"

    def hear(self, happening: Mapping[str, Any]) -> None:
        """Of search/reports/happenings.py: new bests are passed on."""
        if happening["event"] == "best":
            value = f"{happening['metric']} {number_text(happening['value'])}"
            text = f"study {self._study}: trial {happening['trial']} has {value}"
            self._put({**happening, "study": self._study, "text": text})

    @contextlib.contextmanager
    def telling_the_end(self) -> Iterator[None]:
        """Of the study that is driven inside."""
        try:
            yield
            self.tell("finished", "finished")
        except StudyLockedError:
            # It goes on, by another driver.
            raise
        except EndedEarly as early:
            self.tell(early.outcome, f"{early.outcome}: {early.why}")
            raise
        except KeyboardInterrupt:
            self.tell("interrupted", "interrupted")
            raise
        except BaseException as error:
            self.tell("failed", f"failed: {reason_of(error)}")
            raise

    def tell(self, event: str, text: str) -> None:
        text = f"study {self._study}: {without_secrets(text)}"
        at = round(time.time(), 3)
        self._put({"event": event, "time": at, "study": self._study, "text": text})

    def _put(self, message: dict[str, Any] | None) -> None:
        if self._target is None:
            return
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            self.problem = "it is too slow"

    def _send_all(self) -> None:
        while (message := self._messages.get()) is not None:
            try:
                self._send(json.dumps(message).encode())
                self.problem = ""
            except Exception as error:  # whatever it is, the study goes on
                self.problem = _why(error)

    def _send(self, body: bytes) -> None:
        assert self._target is not None
        if _is_address(self._target):
            headers = {"Content-Type": "application/json", "User-Agent": "search"}
            request = urllib.request.Request(self._target, body, headers, method="POST")
            with urllib.request.urlopen(request, timeout=ANSWER_S):
                return
        subprocess.run(
            shlex.split(self._target),
            input=body + b"\n",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_S,
            check=True,
            # Ctrl-C is for the study.
            start_new_session=True,
        )


def _is_address(target: str) -> bool:
    return "://" in target.split(" ", 1)[0]


def _why(error: Exception) -> str:
    """Without what was sent, and where to."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code}"
    if isinstance(error, urllib.error.URLError):
        return f"it does not answer ({error.reason})"
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command ends with exit code {error.returncode}"
    return type(error).__name__
