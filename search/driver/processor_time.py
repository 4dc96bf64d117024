"""What processor time a study's processes have taken."""

from __future__ import annotations

import contextlib

__all__ = ["ProcessorTime"]


class ProcessorTime:
    """CPU seconds of the driver and of Ray's own processes, for the breakdown of a study's time."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    def measure(self) -> None:
        """Call while Ray's processes still live."""
        import psutil

        own = psutil.Process()
        self.cpu_s["driver"] = round(sum(own.cpu_times()[:2]), 3)
        for child in own.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                name = child.name()
                kind = "workers" if name.startswith("ray::") else "ray"
                if "tracking" in " ".join(child.cmdline()):
                    kind = "tracking"
                spent = round(sum(child.cpu_times()[:2]), 3)
                self.cpu_s[kind] = round(self.cpu_s.get(kind, 0.0) + spent, 3)
