"""What machines a cluster has: now, and those that its autoscaler may bring."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

__all__ = ["Node", "alive_nodes", "most_gpus", "planned_nodes"]

REFRESH_S = 2.0  # how often a worker that is to join is looked for
JOIN_S = 240.0  # how long the first worker of own machines is waited for: it may install torch


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine of the cluster that is alive."""

    id: str
    name: str  # host name and address
    cpus: float
    gpus: float

    def slots(self, cpus_per_trial: int, gpus_per_trial: float) -> int:
        """How many such trials it holds at a time. A share of a GPU is of one card."""
        by_cpu = int(self.cpus / cpus_per_trial)
        if not gpus_per_trial:
            return by_cpu
        if gpus_per_trial < 1:
            return min(by_cpu, int(self.gpus) * int(1 / gpus_per_trial))
        return min(by_cpu, int(self.gpus / gpus_per_trial))


def alive_nodes() -> list[Node]:
    """Those alive now. Ray is connected."""
    import ray

    return [
        Node(
            id=node["NodeID"],
            name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})",
            cpus=node["Resources"].get("CPU", 0.0),
            gpus=node["Resources"].get("GPU", 0.0),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def planned_nodes() -> list[Node]:
    """The machines that the cluster's autoscaler may bring, by the file that `ray up` left here;
    of own machines all, those still to join taken as large as the largest that has."""
    try:
        cluster = yaml.safe_load(
            (Path.home() / "ray_bootstrap_config.yaml").read_text(encoding="utf-8")
        )
        if cluster["provider"]["type"] == "local":
            return _own_machines(len(cluster["provider"]["worker_ips"]))
        kinds, head = dict(cluster["available_node_types"]), cluster["head_node_type"]
        most = int(cluster["max_workers"])
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError):
        return []
    possible = [
        Node(
            id="",
            name=f"{name} (planned)",
            cpus=kind.get("resources", {}).get("CPU", 0),
            gpus=kind.get("resources", {}).get("GPU", 0),
        )
        for name, kind in kinds.items()
        if name != head
        for _ in range(kind.get("max_workers", 0))
    ]
    return sorted(possible, key=_size, reverse=True)[:most]


def _own_machines(workers: int) -> list[Node]:
    _await_first_worker()
    joined = [node for node in alive_nodes() if node.cpus]
    if not joined:
        return []
    largest = dataclasses.replace(max(joined, key=_size), id="", name="(to join)")
    return joined + [largest] * (workers - len(joined))


@functools.cache
def _await_first_worker() -> None:
    """`ray up` returns while workers still install; before one is there nothing is known of them.
    Waited for once."""
    gives_up_at = time.monotonic() + JOIN_S
    while not any(node.cpus for node in alive_nodes()) and time.monotonic() < gives_up_at:
        time.sleep(REFRESH_S)


def _size(node: Node) -> tuple[float, float]:
    return node.gpus, node.cpus


def most_gpus(nodes: Sequence[Node]) -> int:
    return max((int(node.gpus) for node in nodes), default=0)
