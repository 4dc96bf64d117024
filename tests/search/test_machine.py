"""What the machine has."""

import os

import pytest

from search import machine


def test_cores_are_those_this_process_may_use():
    assert machine.core_count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("visible", "count"),
    [("", 0), ("-1", 0), ("0", 1), ("0,1", 2), ("0, 3,", 2), ("GPU-8f2a,GPU-1c3b", 2)],
)
def test_gpus_are_those_made_visible(monkeypatch, visible, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert machine.gpu_count() == count


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
