"""What a trial's process uses, sampled once an epoch: some 20 µs, and no thread."""

from __future__ import annotations

import sys

import psutil

__all__ = ["usage"]

_MIB = 2**20


def usage(*, gpus: float) -> dict[str, float]:
    """memory_mib: the process's resident memory now. With a share of a card also gpu_memory_mib,
    the most that its tensors have taken since the last call, and gpu_percent, how busy the card is
    now, others' work on it included; without the latter where the driver's library (pynvml) is
    missing."""
    found = {"memory_mib": psutil.Process().memory_info().rss / _MIB}
    torch = sys.modules.get("torch")  # imported by who trains with it
    if not gpus or torch is None or not torch.cuda.is_initialized():
        return found
    try:
        found["gpu_memory_mib"] = torch.cuda.max_memory_allocated() / _MIB
        torch.cuda.reset_peak_memory_stats()
        found["gpu_percent"] = float(torch.cuda.utilization())
    except (ImportError, RuntimeError, OSError):
        pass  # no trial fails for it
    return found
