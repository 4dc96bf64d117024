"""What room a study asks a cluster for, without a cluster; with one: test_on_cluster.py."""

from __future__ import annotations

from search.machines import capacity
from search.machines.capacity import Capacity
from search.tasks.config import StudyConfig


def test_what_all_workers_need_is_asked_for_again_and_again(monkeypatch):
    """A cluster has one such request, and another study's start or end overwrites it."""
    asked: list[int] = []
    monkeypatch.setattr(capacity, "request_capacity", lambda bundles: asked.append(len(bundles)))
    monkeypatch.setattr(capacity, "alive_nodes", list)
    monkeypatch.setattr(capacity, "REFRESH_S", 0.0)
    monkeypatch.setattr(capacity, "REPEAT_S", 0.0)
    config = StudyConfig(name="n", task="tests.curve_task:TASK", dataset="ones", workers=3)

    with Capacity(config) as holds:
        assert holds() == 0

    assert asked == [3, 3, 0]
