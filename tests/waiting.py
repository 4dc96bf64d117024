"""Limits of time that hold on a machine which others use at the same time."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["Stopwatch"]

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


def _waited_s() -> float:
    """Since the start of the machine; 0 where the kernel does not count it."""
    try:
        line = PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(line.rpartition("total=")[2]) / 1e6
