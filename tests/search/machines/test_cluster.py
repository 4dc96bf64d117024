"""A Ray of our own that does not come up."""

from __future__ import annotations

import pytest
import ray

from search.errors import ClusterError
from search.machines.cluster import local_ray
from search.tasks.config import StudyConfig


def test_it_is_told_in_one_line(monkeypatch):
    def init(**_: object) -> None:
        raise Exception("The current node timed out during startup.\nThe raylet failed")

    monkeypatch.setattr(ray, "init", init)
    config = StudyConfig(name="s", task="t", dataset="d")

    with pytest.raises(ClusterError) as told, local_ray(config):
        raise AssertionError("it did not start")

    assert str(told.value) == (
        "Ray did not start on this machine, which may be overloaded: "
        "The current node timed out during startup."
    )
