"""What the machine has."""

import os
import re
from pathlib import Path

import psutil
import pytest

from search.errors import UserError
from search.machines import cgroups, machine


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """What a container sees in the place of /sys/fs/cgroup, as yet without a limit."""
    monkeypatch.setattr(cgroups, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "cgroup"


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
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


# Which groups the process is in, files of them, cores, GiB.
NESTED = {
    "the inner one has less": (
        "0::/kube/pod/job",
        {"kube/cpu.max": "max 100000", "kube/memory.max": f"{9 * 2**30}"},
        {"kube/pod/job/cpu.max": "300000 100000", "kube/pod/job/memory.max": f"{2**30}"},
        (3, 1),
    ),
    "the outer one has less": (
        "0::/kube/pod/job",
        {"kube/pod/cpu.max": "200000 50000", "kube/pod/memory.max": f"{3 * 2**29}"},
        {"kube/pod/job/cpu.max": "max 100000", "kube/pod/job/memory.max": "max"},
        (4, 1.5),
    ),
    "another's is not ours": (
        "0::/user.slice/me",
        {"user.slice/you/cpu.max": "100000 100000", "user.slice/you/memory.max": "4096"},
        {"user.slice/cpu.max": "700000 100000", "user.slice/memory.max": f"{2**29}"},
        (7, 0.5),
    ),
    "a path that only the host sees": (
        "0::/../../docker/0a1b2c",
        {"cpu.max": "250000 100000", "memory.max": f"{2**28}"},
        {},
        (2, 0.25),
    ),
    "the first version": (
        "5:memory:/slurm/job_7/step_0\n3:cpu,cpuacct:/slurm/job_7\n0::/",
        {
            "memory/slurm/job_7/memory.limit_in_bytes": f"{2**30}",
            "memory/slurm/job_7/step_0/memory.limit_in_bytes": str(2**63 - 4096),
            "memory/memory.limit_in_bytes": str(2**63 - 4096),
        },
        {
            "cpu,cpuacct/slurm/cpu.cfs_quota_us": "500000",
            "cpu,cpuacct/slurm/cpu.cfs_period_us": "100000",
            "cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/slurm/job_7/cpu.cfs_period_us": "100000",
        },
        (5, 1),
    ),
    "both at once": (
        "4:memory:/docker/0a1b\n0::/docker/0a1b",
        {"memory/memory.limit_in_bytes": f"{2**28}"},
        {"unified/docker/0a1b/cpu.max": "600000 100000"},
        (6, 0.25),
    ),
}


@pytest.mark.parametrize("case", NESTED)
def test_the_least_limit_around_a_process_holds(monkeypatch, cgroup, case):
    own, outer, inner, expected = NESTED[case]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    (cgroup.parent / "own").write_text(f"{own}\n")
    _write(cgroup, {**outer, **inner})

    assert (machine.core_count(), machine.memory_gib()[0]) == expected


@pytest.mark.parametrize(
    ("folder", "used", "limit", "stat"),
    [
        ("", "memory.current", "memory.max", "anon 5\ninactive_file 1048576\nactive_file 9"),
        (
            "memory/",
            "memory.usage_in_bytes",
            "memory.limit_in_bytes",
            "inactive_file 1\ntotal_inactive_file 1048576",
        ),
    ],
)
def test_what_others_of_the_group_have_taken_is_not_free(cgroup, folder, used, limit, stat):
    files = {used: str(2**27), limit: str(2**28), "memory.stat": stat}
    _write(cgroup, {f"{folder}{name}": text for name, text in files.items()})

    assert machine.memory_gib()[1] == (2**28 - 2**27 + 2**20) / 2**30


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


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((8, 1, 0, 0), []),
        (
            (9, 1, 0, 0),
            ["9 trials at a time of 1 cores each share the 8 cores .* --workers 8 fits"],
        ),
        ((3, 4, 0, 0), ["3 trials at a time of 4 cores each share the 8 .* --workers 2 fits"]),
        (
            (5, 1, 0.5, 2),
            ["5 trials at a time were asked for, and the GPUs hold 4"],
        ),
        ((40, 1, 0, 0), ["14.8 GiB of memory before they train, and 10.0 are free", "share the 8"]),
    ],
)
def test_more_trials_than_fit_are_told_before_the_start(monkeypatch, asked, told):
    monkeypatch.setattr(machine, "core_count", lambda: 8)
    monkeypatch.setattr(machine, "memory_gib", lambda: (16.0, 10.0))

    lines = machine.check_room(*asked)

    assert len(lines) == len(told)
    assert all(re.search(text, line) for text, line in zip(told, lines, strict=True))


def test_workers_whose_bare_processes_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(machine, "memory_gib", lambda: (16.0, 10.0))

    with pytest.raises(UserError, match="workers must be at most 43 on this machine, got 44"):
        machine.check_room(44, 1, 0, 0)
