"""Ray's autoscaler falls back to on demand where spot cannot be had, by its own code."""

from __future__ import annotations

import time

import pytest
import yaml
from ray.autoscaler._private.node_provider_availability_tracker import (
    NodeProviderAvailabilityTracker,
)
from ray.autoscaler._private.resource_demand_scheduler import ResourceDemandScheduler
from ray.autoscaler.node_launch_exception import NodeLaunchException

from tests.conftest import ROOT

CONFIG = yaml.safe_load((ROOT / "infra" / "cluster.yaml").read_text())


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the head's environment is."""
    (start,) = (c for c in CONFIG["head_start_ray_commands"] if "ray start" in c)
    (named,) = (w for w in start.split() if w.startswith("RAY_AUTOSCALER_UTILIZATION_SCORER="))
    monkeypatch.setenv(*named.split("="))


def launched(trials: int, *failed: str) -> tuple[dict[str, int], int]:
    """What is launched for so many trials of a quarter of a card each, and how many get none."""
    tracker = NodeProviderAvailabilityTracker()
    for name in failed:
        error = NodeLaunchException("InsufficientInstanceCapacity", "none left", None)
        tracker.update_node_availability(name, int(time.time()), error)
    scheduler = ResourceDemandScheduler(
        None, CONFIG["available_node_types"], CONFIG["max_workers"], "head", 16.0
    )
    demands = [{"CPU": 1, "GPU": 0.25}] * trials
    to_launch, unmet = scheduler.get_nodes_to_launch(
        [], {"head": 1}, demands, {}, [], {}, [], tracker.summary()
    )
    return dict(to_launch), len(unmet)


def test_spot_is_asked_for_first(ours):
    assert launched(16) == ({"gpu_spot": 4}, 0)


def test_where_spot_cannot_be_had_on_demand_is_asked_for_up_to_its_cap(ours):
    assert launched(16, "gpu_spot") == ({"gpu_on_demand": 4}, 0)
    assert launched(24, "gpu_spot")[0]["gpu_on_demand"] == 4  # its cap; the rest waits for spot


def test_where_neither_could_be_had_spot_is_tried_again(ours):
    assert launched(4, "gpu_spot", "gpu_on_demand") == ({"gpu_spot": 1}, 0)


def test_the_head_is_never_launched_for_trials(ours):
    assert launched(1000)[0].keys() == {"gpu_spot"}


def test_ray_alone_would_ask_for_what_it_cannot_have(monkeypatch):
    """Why we score; if this fails, search/machines/autoscaler_scorer.py may go."""
    monkeypatch.delenv("RAY_AUTOSCALER_UTILIZATION_SCORER", raising=False)
    assert launched(16, "gpu_spot") == ({"gpu_spot": 4}, 0)
