"""How busy the card is while something runs, as the driver sees it."""

from __future__ import annotations

import subprocess
import threading
from statistics import mean
from types import TracebackType

__all__ = ["CardWatch"]

EVERY_S = 0.5
COMMAND = (
    *("nvidia-smi", "--id=0", "--query-gpu=utilization.gpu,memory.used"),
    "--format=csv,noheader,nounits",
)


class CardWatch:
    """Samples the first card from `with` until the end of its block; without a card, nothing.

    A call of `nvidia-smi` a sample: one that runs on may keep what it says in a buffer.
    """

    def __init__(self) -> None:
        self._samples: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> CardWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            try:
                done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=5)
                busy, _, used = done.stdout.strip().partition(", ")
                if busy.isdigit() and used.isdigit():
                    self._samples.append((float(busy), float(used)))
            except subprocess.TimeoutExpired:
                pass
            except FileNotFoundError:
                return
            if self._over.wait(EVERY_S):
                return

    @property
    def utilisation(self) -> float | None:
        """Share of the time in which the card computed anything, mean of all samples."""
        return mean(busy for busy, _ in self._samples) / 100 if self._samples else None

    @property
    def memory_mib(self) -> float | None:
        """The most memory in use, the driver's own included."""
        return max((used for _, used in self._samples), default=None)
