"""One driver's time at work. Pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Span"]


@dataclass
class Span:
    """One driver's time at work, in seconds since the Unix epoch.

    A driver that was killed records no end: its span ends with the last event it recorded.
    """

    started: float
    ended: float
    first_segment: float | None = None
    last_epoch: float | None = None
    epochs: int = 0
    cpu_s: float = 0.0  # of training and evaluation

    @property
    def wall_s(self) -> float:
        return max(self.ended - self.started, 0.0)

    @property
    def training_s(self) -> float:
        """From the first trial's start to the last trial's end."""
        if self.first_segment is None or self.last_epoch is None:
            return 0.0
        return max(self.last_epoch - self.first_segment, 0.0)
