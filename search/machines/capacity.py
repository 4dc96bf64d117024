"""How many trials the machines hold that a study runs on: now, and with those that may come."""

from __future__ import annotations

import time
from collections.abc import Sequence

from search.machines.nodes import Node, alive_nodes, planned_nodes
from search.tasks.config import StudyConfig

__all__ = ["Capacity", "OwnMachine", "most_slots", "request_capacity", "slots"]

FINDING_OUT_S = 25.0  # five missed health checks, 3 s apart, until a head gives a node up
JUST_NOW_S = 60.0
REFRESH_S = 2.0  # how often the cluster's nodes are listed
REPEAT_S = 30.0  # how often what all workers need is requested


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
    `workers`. Capacity for all of them is requested at once, so that an autoscaler brings machines
    together and not one by one."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._refreshed_at = self._lost_at = self._requested_at = float("-inf")
        self._alive: list[Node] = []

    def __call__(self) -> int:
        if time.monotonic() >= self._refreshed_at + REFRESH_S:
            self._refresh()
        return min(slots(self._alive, self._config), self._config.workers)

    def lost_a_node(self) -> bool:
        """Whether a node has gone just now. For when a process cannot be reached: the head finds
        out seconds later whether its machine went too."""
        until = time.monotonic() + FINDING_OUT_S
        while True:
            self._refresh()
            now = time.monotonic()
            if now < self._lost_at + JUST_NOW_S or now > until:
                return now < self._lost_at + JUST_NOW_S
            time.sleep(0.5)

    def _refresh(self) -> None:
        before, self._alive = {node.id for node in self._alive}, alive_nodes()
        self._refreshed_at = time.monotonic()
        if before - {node.id for node in self._alive}:
            self._lost_at = self._refreshed_at
        if self._refreshed_at >= self._requested_at + REPEAT_S:
            self._request()

    def __enter__(self) -> Capacity:
        self._request()
        return self

    def _request(self) -> None:
        """Request what all workers need of the autoscaler, if there is one. A cluster has one such
        request: what another study's start or end has made of it is put right by the next."""
        config = self._config
        bundle = {"CPU": config.cpus_per_trial, "GPU": config.gpus_per_trial}
        request_capacity([{k: v for k, v in bundle.items() if v}] * config.workers)
        self._requested_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        request_capacity([])  # what is no longer needed may go


def request_capacity(bundles: list[dict[str, float]]) -> None:
    """Request of a cluster's autoscaler to have room for this, beyond what waits now, until
    the next request."""
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=bundles)


def most_slots(cpus_per_trial: int, gpus_per_trial: float) -> int:
    """The most such trials at a time: on the machines there are, or on those that may come."""
    return max(
        sum(node.slots(cpus_per_trial, gpus_per_trial) for node in nodes)
        for nodes in (alive_nodes(), planned_nodes())
    )


def slots(nodes: Sequence[Node], config: StudyConfig) -> int:
    """How many of a study's trials these machines hold at a time."""
    return sum(node.slots(config.cpus_per_trial, config.gpus_per_trial) for node in nodes)
