"""Why and how a study ends before its end: Ctrl-C, a signal, a request, a budget, a full disk."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from search.driver.stop import listens_to, newest_request
from search.errors import EndedEarly, Outcome, StudyLockedError, UnreachableError
from search.record.record import Record, Study

__all__ = ["GRACE_S", "Ending"]

GRACE_S = 5.0  # Ctrl-C, `stop --now`, the time budget: an epoch that ends in this time is kept
TERM_GRACE_S = 1.0  # SIGTERM, SIGHUP: the machine may be gone in seconds
TERM_LIMIT_S = 4.0  # where Ray's processes got the signal too, Ray waits a minute for them
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_S = 1.0  # how often requests are looked for


class Ending:
    """One driver's reasons to end. A context: inside it signals are handled, if it is
    entered in the main thread; elsewhere Python lets nobody handle them."""

    def __init__(
        self,
        record: Record,
        study: Study,
        time_budget_s: float | None = None,
        obeyed: int | None = None,
    ) -> None:
        """Before the driver's lock is taken: requests of now on are obeyed. `obeyed`: those after
        this one, where the driver is a part of what began before (`newest_request`)."""
        self._record = record
        self._listens_to = listens_to(record, study)
        self._seen = newest_request(record, study) if obeyed is None else obeyed
        now = time.monotonic()
        self._budget_ends = None if time_budget_s is None else now + time_budget_s
        self._budget_s = time_budget_s
        self._next_poll = now
        self._signals = 0
        self._before: dict[signal.Signals, Any] = {}
        self._limit = threading.Timer(TERM_LIMIT_S, os._exit, (130,))  # all is on record
        self._limit.daemon = True
        self.early: EndedEarly | None = None  # requested: no new segment is given out
        self._deadline: float | None = None  # to leave running epochs by; None: segments finish

    def __enter__(self) -> Ending:
        in_main_thread = threading.current_thread() is threading.main_thread()
        for number in _HANDLED if in_main_thread else ():
            ignored = signal.getsignal(number) == signal.SIG_IGN
            if not (ignored and number == signal.SIGHUP):  # nohup; who is sent SIGINT is meant
                self._before[number] = signal.signal(number, self._signalled)
        return self

    def handle_signals_again(self) -> None:
        """Ray's start puts a handler in place of ours that aborts the process."""
        for number in self._before:
            signal.signal(number, self._signalled)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._limit.cancel()

    def request(self, outcome: Outcome, why: str, grace_s: float | None) -> None:
        """Request the end: after `grace_s` seconds at the latest, or (None) when running segments
        have ended.

        A later request can only hasten it.
        """
        self.early = self.early or EndedEarly(outcome, why)
        if grace_s is not None:
            deadline = time.monotonic() + grace_s
            self._deadline = min(self._deadline or deadline, deadline)

    @property
    def at_next_epoch(self) -> bool:
        """Whether a segment is to end with the epoch it is at."""
        return self._deadline is not None

    @property
    def overdue(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def poll(self) -> None:
        """Look for requests and the budget, once a second at most."""
        now = time.monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + POLL_S
        try:
            self._record.keep_lock()
            requests = self._record.requests.after(self._listens_to, self._seen)
        except UnreachableError:  # the searcher gives out nothing more until it answers
            requests = []
        except StudyLockedError as error:
            requests = []
            self.request("failed", str(error), grace_s=0)
        for number, text in requests:
            self._seen = number
            grace_s = GRACE_S if text == "stop now" else None
            self.request("stopped", f"asked to {text}", grace_s)
        if self._budget_ends is not None and now >= self._budget_ends:
            self.request("stopped", f"the time budget of {self._budget_s:.0f} s is spent", GRACE_S)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt
        name = signal.Signals(number).name
        self.early = None  # this is why, even if it was about to stop
        grace_s = GRACE_S if number == signal.SIGINT else TERM_GRACE_S
        self.request("interrupted", f"interrupted by {name}", grace_s)
        if number != signal.SIGINT:
            self._limit.start()
        wait = f"waiting up to {grace_s:.0f} s for epochs to end; again to end now"
        with contextlib.suppress(OSError):  # the terminal may be what has gone
            print(f"\n{name}: {wait}", file=sys.stderr, flush=True)
