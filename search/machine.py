"""What this machine has: cores and GPUs, without importing torch."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["check_gpus", "core_count", "default_workers", "gpu_count", "memory_gib"]


def core_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


def gpu_count() -> int:
    """The NVIDIA GPUs this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    devices = Path("/dev").glob("nvidia*")
    return sum(bool(re.fullmatch(r"nvidia\d+", device.name)) for device in devices)


def check_gpus(gpus_per_trial: float, gpus: int, whose: str = "this machine") -> None:
    """Raises ValueError if a machine with `gpus` GPUs cannot give a trial so many."""
    if gpus_per_trial > gpus:
        has = f"at most {gpus}" if gpus else "no GPU"
        raise ValueError(
            f"gpus_per_trial must be at most what {whose} has ({has}), got {gpus_per_trial:g}"
        )


def memory_gib() -> tuple[float, float]:
    """Total and free, in GiB."""
    import psutil

    memory = psutil.virtual_memory()
    return memory.total / 2**30, memory.available / 2**30


def default_workers(cpus_per_trial: int, gpus_per_trial: float, gpus: int) -> int:
    """As many trials at a time as the machine's cores, and its GPUs if trials take any, hold."""
    workers = core_count() // max(cpus_per_trial, 1)
    if gpus_per_trial > 0:
        workers = min(workers, int(gpus / gpus_per_trial))
    return max(workers, 1)
