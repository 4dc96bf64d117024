"""What this machine, or this container, has: cores and memory; and the trials that it holds."""

from __future__ import annotations

import os

from search.errors import UserError
from search.machines.cgroups import core_limit, memory_free, memory_limit

__all__ = ["check_gpus", "core_count", "default_workers", "memory_gib"]


def core_count() -> int:
    """The cores this process may use: a share of one, which a container can have, is none."""
    return max(int(min(len(os.sched_getaffinity(0)), core_limit())), 1)


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
    total, free = min(memory.total, memory_limit()), min(memory.available, memory_free())
    return total / 2**30, free / 2**30


def default_workers(cpus_per_trial: int, gpus_per_trial: float, gpus: int) -> int:
    """As many trials at a time as the machine's cores, and its GPUs if trials take any, hold."""
    workers = core_count() // max(cpus_per_trial, 1)
    if gpus_per_trial > 0:
        workers = min(workers, int(gpus / gpus_per_trial))
    return max(workers, 1)
