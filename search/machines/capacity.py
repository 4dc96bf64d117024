"""How many trials the machines hold that a study runs on: now, and with those that may come."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from search.tasks.config import StudyConfig

__all__ = [
    "Capacity",
    "Node",
    "OwnMachine",
    "most_gpus",
    "nodes",
    "planned",
    "request_room",
    "room",
    "slots",
]

FINDING_OUT_S = 25.0  # five missed health checks, 3 s apart, until a head gives a node up
JUST_NOW_S = 60.0
REFRESH_S = 2.0  # how often the cluster is asked what it has
REPEAT_S = 30.0  # how often it is told what all workers need
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


def nodes() -> list[Node]:
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


class OwnMachine:
    """What stands in for `Capacity` where Ray is our own: its room is known and stays."""

    def __init__(self, config: StudyConfig) -> None:
        self._workers = config.workers

    def __call__(self) -> int:
        return self._workers

    def lost_a_node(self) -> bool:
        return False  # it would take the driver along

    def __enter__(self) -> OwnMachine:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Capacity:
    """How many of a study's trials may be open: as many as the cluster holds now, at most
    `workers`. Room for all of them is asked for at once, so that an autoscaler brings machines
    together and not one by one."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._asked_at = self._lost_at = self._requested_at = float("-inf")
        self._alive: list[Node] = []

    def __call__(self) -> int:
        if time.monotonic() >= self._asked_at + REFRESH_S:
            self._refresh()
        return min(slots(self._alive, self._config), self._config.workers)

    def lost_a_node(self) -> bool:
        """Whether a node has gone just now. Asked when a process cannot be reached: the head finds
        out seconds later whether its machine went too."""
        until = time.monotonic() + FINDING_OUT_S
        while True:
            self._refresh()
            now = time.monotonic()
            if now < self._lost_at + JUST_NOW_S or now > until:
                return now < self._lost_at + JUST_NOW_S
            time.sleep(0.5)

    def _refresh(self) -> None:
        before, self._alive = {node.id for node in self._alive}, nodes()
        self._asked_at = time.monotonic()
        if before - {node.id for node in self._alive}:
            self._lost_at = self._asked_at
        if self._asked_at >= self._requested_at + REPEAT_S:
            self._request()

    def __enter__(self) -> Capacity:
        self._request()
        return self

    def _request(self) -> None:
        """Ask the autoscaler, if there is one, for what all workers need. A cluster has one such
        request: what another study's start or end has made of it is put right by the next."""
        config = self._config
        bundle = {"CPU": config.cpus_per_trial, "GPU": config.gpus_per_trial}
        request_room([{k: v for k, v in bundle.items() if v}] * config.workers)
        self._requested_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        request_room([])  # what is no longer needed may go


def request_room(bundles: list[dict[str, float]]) -> None:
    """What a cluster's autoscaler is to have room for, beyond what waits now; until told anew."""
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=bundles)


def planned() -> list[Node]:
    """The machines that the cluster's autoscaler may bring, by the file that `ray up` left here;
    of own machines all, those still to join taken as large as the largest that has."""
    try:
        cluster = yaml.safe_load((Path.home() / "ray_bootstrap_config.yaml").read_text())
        if cluster["provider"]["type"] == "local":
            return _own_machines(len(cluster["provider"]["worker_ips"]))
        kinds, head = dict(cluster["available_node_types"]), cluster["head_node_type"]
        most = int(cluster["max_workers"])
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError):
        return []
    every = [
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
    return sorted(every, key=_size, reverse=True)[:most]


def _own_machines(workers: int) -> list[Node]:
    _await_first_worker()
    joined = [node for node in nodes() if node.cpus]
    if not joined:
        return []
    largest = dataclasses.replace(max(joined, key=_size), id="", name="(to join)")
    return joined + [largest] * (workers - len(joined))


@functools.cache
def _await_first_worker() -> None:
    """`ray up` returns while workers still install; before one is there nothing is known of them.
    Waited for once."""
    gives_up_at = time.monotonic() + JOIN_S
    while not any(node.cpus for node in nodes()) and time.monotonic() < gives_up_at:
        time.sleep(REFRESH_S)


def _size(node: Node) -> tuple[float, float]:
    return node.gpus, node.cpus


def most_gpus(among: Sequence[Node]) -> int:
    return max((int(node.gpus) for node in among), default=0)


def room(cpus_per_trial: int, gpus_per_trial: float) -> int:
    """The most such trials at a time: on the machines there are, or on those that may come."""
    return max(
        sum(node.slots(cpus_per_trial, gpus_per_trial) for node in among)
        for among in (nodes(), planned())
    )


def slots(among: Sequence[Node], config: StudyConfig) -> int:
    """How many of a study's trials these machines hold at a time."""
    return sum(node.slots(config.cpus_per_trial, config.gpus_per_trial) for node in among)
