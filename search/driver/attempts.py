"""Pure: how long the process under a segment may be silent, and what its death means.

A trial is retried from its checkpoint, within bounds: what its process does may be its own fault,
what becomes of its machine is not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from search.decisions.history import Failure, History, Trial
from search.files.study_files import PATIENCE_S
from search.machines.node_check import UNFIT
from search.tasks.config import StudyConfig

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_DEPARTURES",
    "NO_MEMORY",
    "Cause",
    "Silence",
    "cause_of_death",
    "epoch_limit_s",
    "failure",
    "start_limit_s",
]

MAX_ATTEMPTS = 3  # times a process may die under a trial before the trial is failed
MAX_DEPARTURES = 20  # times its machine may go away: more is no accident
START_S = 120.0  # what a process may take to start and to import Ray, torch and the task
NO_MEMORY = "its process was killed for want of memory"
MOST_S = 10.0  # counted of the time between two looks at a silent process
OWN_WATCHDOG_S = 5.0  # beyond its limit its process has this long to end itself


def epoch_limit_s(config: StudyConfig, history: History) -> float:
    """What an epoch may take: as asked for, or ten times the median so far, at least 10 minutes."""
    if config.trial_timeout_s is not None:
        return config.trial_timeout_s
    walls_s = history.epoch_walls_s
    return max(600.0, 10 * walls_s[len(walls_s) // 2]) if walls_s else 3600.0


def start_limit_s(config: StudyConfig, history: History) -> float:
    """What a process may take from its segment's decision to its first sign of life."""
    return max(epoch_limit_s(config, history), START_S)


@dataclass
class Silence:
    """Since when a segment has given no sign of life, and how long it may."""

    limit_s: float
    started: bool  # it has a process

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """It has given one, or has no process yet that could."""
        self._seen, self._silent_s = time.monotonic(), 0.0

    def too_long(self, spare_s: float = 0.0) -> bool:
        """Asked every second or two: of a longer time without the question, this process, and so
        the whole machine, stood still (a paused container, a laptop's lid). That is no trial's."""
        now = time.monotonic()
        self._silent_s += min(now - self._seen, MOST_S)
        self._seen = now
        return self._silent_s >= self.limit_s + spare_s

    def hangs(self, config: StudyConfig) -> bool:
        """Whether its process should have ended itself by now: it gives the limit to the loading
        of a segment, and then to each epoch."""
        spare_s = OWN_WATCHDOG_S + (self.limit_s if self.started else 0.0)
        return self.too_long(spare_s + (2 * PATIENCE_S if config.storage else 0.0))


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why an attempt failed. `counts`: towards MAX_ATTEMPTS; `final`: no other attempt may help."""

    reason: str
    traceback: str = ""
    counts: bool = True
    final: bool = False


def cause_of_death(why: str, silence: Silence, *, preempted: str, machine_gone: bool) -> Cause:
    """`why`: what Ray says of it; `preempted`: the reason that the process itself left, if any."""
    if preempted:
        return Cause(reason=preempted, counts=False)
    if machine_gone or UNFIT in why:
        return Cause(reason=why, counts=False)
    if why == NO_MEMORY:
        return Cause(reason=why)
    if silence.too_long():
        what = "no epoch ended" if silence.started else "its process did not start"
        return Cause(reason=f"{what} in {silence.limit_s:.0f} s", final=silence.started)
    return Cause(reason=why)


def failure(trial: Trial, cause: Cause) -> Failure:
    """What goes on record; the last attempt's is final."""
    number = 1 + sum(earlier.counts == cause.counts for earlier in trial.failures)
    last = number >= (MAX_ATTEMPTS if cause.counts else MAX_DEPARTURES)
    times = f", {number} times" if last and not cause.final else ""
    return Failure(
        trial=trial.number,
        attempt=trial.attempt,
        epoch=trial.epoch + 1,
        reason=_storable(cause.reason + times),
        traceback=_storable(cause.traceback),
        counts=cause.counts,
        final=cause.final or last,
    )


def _storable(text: str) -> str:
    """As any database can keep it."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
