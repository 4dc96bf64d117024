"""What the machine has."""

import os
from pathlib import Path

import psutil
import pytest

from search.machines import machine


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """What a container sees in the place of /sys/fs/cgroup, as yet without a limit."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    return tmp_path


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}\n")


def test_cores_are_those_this_process_may_use(cgroup):
    assert machine.core_count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "350000 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "1600000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
    ],
)
def test_a_container_has_no_more_cores_than_its_limit(monkeypatch, cgroup, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    _write(cgroup, files)

    assert machine.core_count() == cores


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_has_no_more_memory_than_its_limit(cgroup, name):
    total, free = machine.memory_gib()
    assert total == psutil.virtual_memory().total / 2**30
    for text in ("max", str(2**63 - 4096)):  # no limit, in either version's words
        _write(cgroup, {name: text})
        assert machine.memory_gib()[0] == total
    _write(cgroup, {name: str(2**26)})

    assert machine.memory_gib() == (2**-4, min(2**-4, free))


@pytest.mark.parametrize(
    ("cores", "cpus", "gpus_each", "gpus", "workers"),
    [
        (8, 1, 0, 0, 8),
        (8, 3, 0, 0, 2),
        (8, 16, 0, 0, 1),
        (8, 1, 1, 2, 2),
        (8, 1, 0.25, 1, 4),
        (2, 1, 0.25, 4, 2),
        (8, 1, 2, 4, 2),
        (8, 1, 1, 0, 1),
        (8, 0, 0, 0, 8),  # refused later, with one clear line
    ],
)
def test_as_many_workers_as_it_holds(monkeypatch, cores, cpus, gpus_each, gpus, workers):
    monkeypatch.setattr(machine, "core_count", lambda: cores)

    assert machine.default_workers(cpus, gpus_each, gpus) == workers
