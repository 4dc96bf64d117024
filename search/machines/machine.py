"""What this machine, or this container, has: cores and memory; and the trials that it holds."""

from __future__ import annotations

import math
import os
from pathlib import Path

from search.errors import UserError

__all__ = ["check_gpus", "core_count", "default_workers", "memory_gib"]

CGROUP = Path("/sys/fs/cgroup")  # as a container sees it: its own limits, version 2 or 1


def core_count() -> int:
    """The cores this process may use: a share of one, which a container can have, is none."""
    return max(int(min(len(os.sched_getaffinity(0)), _core_limit())), 1)


def check_gpus(gpus_per_trial: float, gpus: int, whose: str = "this machine") -> None:
    """Raises ValueError if a machine with `gpus` GPUs cannot give a trial so many."""
    if gpus_per_trial > gpus:
        has = f"at most {gpus}" if gpus else "no GPU"
        raise UserError(
            f"gpus_per_trial must be at most what {whose} has ({has}), got {gpus_per_trial:g}"
        )


def memory_gib() -> tuple[float, float]:
    """Total and free, in GiB; neither is more than a container may use."""
    import psutil

    memory = psutil.virtual_memory()
    limit = min(_limit("memory.max"), _limit("memory/memory.limit_in_bytes"))
    return min(memory.total, limit) / 2**30, min(memory.available, limit) / 2**30


def _core_limit() -> float:
    """CPU time in a period's time; infinite where nothing is limited."""
    limits = [
        (_limit("cpu.max"), _limit("cpu.max", 1)),
        (_limit("cpu/cpu.cfs_quota_us"), _limit("cpu/cpu.cfs_period_us")),
    ]
    return min((quota / period for quota, period in limits if quota < math.inf), default=math.inf)


def _limit(name: str, field: int = 0) -> float:
    """A number of a file of `CGROUP`; infinite if that is not there, or says max or -1."""
    try:
        text = (CGROUP / name).read_text(encoding="utf-8").split()[field]
    except (OSError, IndexError):
        return math.inf
    return float(text) if text.isdigit() else math.inf


def default_workers(cpus_per_trial: int, gpus_per_trial: float, gpus: int) -> int:
    """As many trials at a time as the machine's cores, and its GPUs if trials take any, hold."""
    workers = core_count() // max(cpus_per_trial, 1)
    if gpus_per_trial > 0:
        workers = min(workers, int(gpus / gpus_per_trial))
    return max(workers, 1)
