"""What the control groups around this process leave it: memory and CPU time.

Groups are nested, and each may have limits: what holds is the least on the path from the process's
own group up to the outermost that can be seen. Versions 1 and 2, and both at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

__all__ = ["core_limit", "memory_free", "memory_limit"]

CGROUP = Path("/sys/fs/cgroup")  # where they are seen
OWN = Path("/proc/self/cgroup")  # which are this process's


def memory_limit() -> float:
    """Bytes; infinite where nothing is limited."""
    return min((limit for _, _, limit in _memory()), default=math.inf)


def memory_free() -> float:
    """Bytes that may still be taken; what caches files is given back, and counts as free."""
    return min((_free(folder, used, limit) for folder, used, limit in _memory()), default=math.inf)


def core_limit() -> float:
    """CPU time in a period's time; infinite where nothing is limited."""
    shares = [_share(folder, "cpu.max", 0, "cpu.max", 1) for folder in _groups("")]
    shares += [
        _share(folder, "cpu.cfs_quota_us", 0, "cpu.cfs_period_us", 0) for folder in _groups("cpu")
    ]
    return min(shares, default=math.inf)


def _memory() -> Iterator[tuple[Path, str, float]]:
    """Of each group with a limit: its folder, the file that tells what is used, and the limit."""
    for controller, name, used in (
        ("", "memory.max", "memory.current"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        for folder in _groups(controller):
            limit = _number(folder / name)
            if limit < math.inf:
                yield folder, used, limit


def _free(folder: Path, used: str, limit: float) -> float:
    taken = _number(folder / used)
    if taken == math.inf:
        return limit
    lines = (line.split() for line in _text(folder / "memory.stat").splitlines())
    numbers = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    # Version 1 counts the groups inside in a number of its own.
    cached = numbers.get("total_inactive_file", numbers.get("inactive_file", 0))
    return max(limit - max(taken - cached, 0), 0)


def _share(folder: Path, quota: str, at: int, period: str, period_at: int) -> float:
    time, of = _number(folder / quota, at), _number(folder / period, period_at)
    return time / of if time < math.inf and 0 < of < math.inf else math.inf


def _groups(controller: str) -> Iterator[Path]:
    """Folders of the process's own group of a controller and of those around it; "": version 2."""
    for line in _text(OWN).splitlines() or ["0::/"]:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if (controller in controllers.split(",")) if controller else number == "0":
            # Both versions at once: the second lies beside the first's controllers.
            for root in (CGROUP / (controllers or "unified"), CGROUP / controller):
                if root.is_dir():
                    yield from _upwards(root, path)
                    break
            else:
                yield from _upwards(CGROUP, path)
            return
    if controller and (CGROUP / controller).is_dir():
        yield CGROUP / controller
    elif not controller:
        yield CGROUP


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Where a container sees its own group as the outermost, the path may lead to nowhere."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for count in range(len(parts), -1, -1):
        folder = root.joinpath(*parts[:count])
        if folder.is_dir():
            yield folder


def _number(path: Path, field: int = 0) -> float:
    """A number of a file; infinite if that is not there, or says max or -1."""
    fields = _text(path).split()
    text = fields[field] if len(fields) > field else ""
    return float(text) if text.isdecimal() else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
