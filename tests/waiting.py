"""Limits of time that hold on a machine which others use at the same time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["HANGS_S", "Stopwatch", "wait_until"]

HANGS_S = 300.0  # what is not at its end by then hangs, however slow the machine
PRESSURE = Path("/proc/pressure/cpu")  # docs.kernel.org/accounting/psi.html
MOST = 0.9  # of a stretch of time that may count as lost to others: a limit stays a limit


class Stopwatch:
    """Runs from its making."""

    def __init__(self) -> None:
        self._begun, self._waited = time.monotonic(), _waited_s()

    def within(self, seconds: float) -> bool:
        """Whether it took less, but for the time in which programs here waited for a core."""
        took = time.monotonic() - self._begun
        waited = min(_waited_s() - self._waited, MOST * took)
        return took - waited < seconds


def wait_until(
    holds: Callable[[], Any],
    otherwise: str = "",
    *,
    process: subprocess.Popen[Any] | None = None,
    seconds: float = 90,
    every_s: float = 0.05,
) -> Any:
    """The first true answer. AssertionError after so many seconds, or if the process ends first."""
    stopwatch = Stopwatch()
    while not (answer := holds()):
        assert process is None or process.poll() is None, process.communicate()
        assert stopwatch.within(seconds), otherwise
        time.sleep(every_s)
    return answer


def _waited_s() -> float:
    """Since the start of the machine; 0 where the kernel does not count it."""
    try:
        line = PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(line.rpartition("total=")[2]) / 1e6
