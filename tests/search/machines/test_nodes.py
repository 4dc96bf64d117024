"""What machines a cluster has and may get, without a cluster; with one: test_on_cluster.py."""

from __future__ import annotations

import pytest
import yaml

from search.machines import capacity, nodes
from search.machines.nodes import Node


@pytest.mark.parametrize(
    ("cpus", "gpus", "cpus_per_trial", "gpus_per_trial", "slots"),
    [
        (8, 0, 1, 0, 8),
        (8, 0, 3, 0, 2),
        (8, 2, 1, 0.25, 8),
        (4, 2, 1, 0.25, 4),  # cores are what is short
        (64, 2, 1, 0.3, 6),  # three on each card: a trial's share is of one
        (64, 2, 1, 1, 2),
        (64, 3, 1, 2, 1),
        (64, 0, 1, 0.5, 0),
    ],
)
def test_how_many_trials_a_node_holds(cpus, gpus, cpus_per_trial, gpus_per_trial, slots):
    node = Node(id="a", name="a", cpus=cpus, gpus=gpus)

    assert node.slots(cpus_per_trial, gpus_per_trial) == slots


def test_what_the_autoscaler_may_bring_is_read_from_the_cluster_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert nodes.planned_nodes() == []
    cluster = {
        "provider": {"type": "aws"},
        "max_workers": 5,
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "max_workers": 0},
            "spot": {"resources": {"CPU": 8, "GPU": 4}, "max_workers": 4},
            "on_demand": {"resources": {"CPU": 8, "GPU": 1}, "max_workers": 4},
        },
    }
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(cluster, sort_keys=False))

    planned = nodes.planned_nodes()

    assert [node.name for node in planned] == ["spot (planned)"] * 4 + ["on_demand (planned)"]
    assert nodes.most_gpus(planned) == 4
    assert sum(node.slots(1, 0.25) for node in planned) == 4 * 8 + 4


def test_own_machines_that_are_still_to_join_are_as_large_as_those_that_have(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    cluster = {"provider": {"type": "local", "worker_ips": ["10.0.0.2", "10.0.0.3", "10.0.0.4"]}}
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(cluster))
    head = Node(id="h", name="head", cpus=0, gpus=0)
    small, large = (Node(id=n, name=n, cpus=c, gpus=g) for n, c, g in (("s", 8, 0), ("l", 4, 2)))
    # The first joins while it is waited for.
    before = [[head], [head]]

    def alive():
        return before.pop() if before else [head, small, large]

    for module in (nodes, capacity):
        monkeypatch.setattr(module, "alive_nodes", alive)
    monkeypatch.setattr(nodes, "REFRESH_S", 0.01)
    nodes._await_first_worker.cache_clear()

    planned = nodes.planned_nodes()

    assert [(node.cpus, node.gpus) for node in planned] == [(8, 0), (4, 2), (4, 2)]
    assert capacity.most_slots(1, 0) == 16
    assert capacity.most_slots(1, 0.5) == 8


def test_the_cap_leaves_the_largest_machines(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    kinds = {
        "small": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 16},
        "big": {"resources": {"CPU": 32, "GPU": 8}, "max_workers": 2},
    }
    cluster = {"provider": {"type": "aws"}, "max_workers": 16, "head_node_type": "head",
               "available_node_types": kinds}  # fmt: skip
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(cluster, sort_keys=False))

    assert nodes.most_gpus(nodes.planned_nodes()) == 8
    assert len(nodes.planned_nodes()) == 16
