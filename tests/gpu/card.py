"""How busy the card is while something runs, as the driver sees it."""

from __future__ import annotations

import subprocess
from statistics import mean
from types import TracebackType

__all__ = ["CardWatch"]

EVERY_MS = 500


class CardWatch:
    """Samples the first card, from `with` until the end of its block; without a card, nothing."""

    def __enter__(self) -> CardWatch:
        fields = "utilization.gpu,memory.used"
        command = ["nvidia-smi", "-i", "0", f"--query-gpu={fields}"]
        command += ["--format=csv,noheader,nounits", f"--loop-ms={EVERY_MS}"]
        self._samples: list[tuple[float, float]] = []
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        except FileNotFoundError:
            self._process = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        self._process.terminate()
        for line in self._process.communicate()[0].splitlines():
            busy, _, used = line.partition(", ")
            # The last line may be cut.
            if busy.isdigit() and used.isdigit():
                self._samples.append((float(busy), float(used)))

    @property
    def utilisation(self) -> float | None:
        """Share of the time in which the card computed anything, mean of all samples."""
        return mean(busy for busy, _ in self._samples) / 100 if self._samples else None

    @property
    def memory_mib(self) -> float | None:
        """The most memory in use, the driver's own included."""
        return max(used for _, used in self._samples) if self._samples else None
