"""What this machine, or this container, has: cores and memory; and the trials that it holds."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from search.errors import UserError
from search.machines.cgroups import core_limit, memory_free, memory_limit

__all__ = [
    "check_gpus",
    "check_room",
    "core_count",
    "default_workers",
    "machine_kind",
    "memory_gib",
]

# Private memory of a worker process that has imported torch and done nothing.
BARE_WORKER_GIB = 0.37


def core_count() -> int:
    """The cores this process may use: a share of one, which a container can have, is none."""
    return max(int(min(len(os.sched_getaffinity(0)), core_limit())), 1)


def machine_kind(gpus: Sequence[str] = ()) -> str:
    """What an epoch's time depends on, in words: "AMD EPYC 7B13, 2 cores". `gpus`: their names."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
        model = next(line for line in lines if line.startswith("model name")).partition(":")[2]
    return ", ".join([f"{model.strip()}, {core_count()} cores", *gpus])


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


def check_room(workers: int, cpus_per_trial: int, gpus_per_trial: float, gpus: int) -> list[str]:
    """What to tell of more trials at a time than this machine holds, before they begin.

    Raises UserError where not even their bare processes fit into its memory.
    """
    told = []
    fit = default_workers(cpus_per_trial, gpus_per_trial, gpus)
    total, free = memory_gib()
    needed = workers * BARE_WORKER_GIB
    if needed > total:
        raise UserError(
            f"workers must be at most {max(int(total / BARE_WORKER_GIB), 1)} on this machine, got "
            f"{workers}: each takes {BARE_WORKER_GIB} GiB of memory before it trains, and there "
            f"are {total:.1f}"
        )
    if needed > free:
        told.append(
            f"{workers} trials at a time take {needed:.1f} GiB of memory before they train, and "
            f"{free:.1f} are free: some may be ended for want of it; --workers {fit} fits"
        )
    on_gpus = int(gpus / gpus_per_trial) if gpus_per_trial > 0 else workers
    if workers > on_gpus:
        told.append(f"{workers} trials at a time were asked for, and the GPUs hold {on_gpus}")
    elif workers * cpus_per_trial > core_count():
        told.append(
            f"{workers} trials at a time of {cpus_per_trial} cores each share the {core_count()} "
            f"cores of this machine, and each takes longer; --workers {fit} fits"
        )
    return told
