"""The machines of a cluster: how many trials they hold now, and whether each can train.

Every node is examined before the first trial, and one that joins later before its first trial.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from search.cluster import ClusterError
from search.config import StudyConfig
from search.machine import check_gpus
from search.origin import changes, depends_on
from search.storage import open_store
from search.tasks import Task, find_task
from trainables.data import Prepared

__all__ = [
    "UNFIT",
    "Capacity",
    "Node",
    "OwnMachine",
    "check_nodes",
    "examine",
    "examined",
    "expectation",
    "most_gpus",
    "nodes",
    "planned",
    "request_room",
    "room",
]

EXAMINATION_S = 120.0  # importing torch from a cold network disk takes its time
PROBE = ".probe"  # a file that every node must see where trials write
UNFIT = "unfit node"  # how a driver knows why a process would not train
ATTEMPTS, RETRY_S = 7, 15.0  # within the time that a process has to start
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
        return min(_slots(self._alive, self._config), self._config.workers)

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


def expectation(
    task: Task, config: StudyConfig, prepared: Prepared, studies_folder: Path
) -> dict[str, Any]:
    """What each node is held against: versions, and a file that it must see where trials write.

    Raises StorageError, OSError.
    """
    studies_folder.mkdir(parents=True, exist_ok=True)
    return {
        "task": config.task,
        "storage": config.storage,
        "studies_folder": str(studies_folder.resolve()),
        "data_folder": str(prepared.folder),
        "probe": _probe(config.storage, studies_folder),
        "origin": depends_on(task, prepared),
    }


def _probe(storage: str | None, studies_folder: Path) -> str:
    """What the file says; made if it is not there, since other studies are held against it too."""
    content = secrets.token_hex(16)
    if storage is None:
        with contextlib.suppress(FileExistsError), (studies_folder / PROBE).open("x") as file:
            file.write(content)
        return (studies_folder / PROBE).read_text()
    store = open_store(storage)
    found = store.get_bytes(PROBE)
    if found is None:
        store.put_bytes(PROBE, content.encode())
    return found.decode() if found else content


def check_nodes(config: StudyConfig, expected: Mapping[str, Any]) -> None:
    """Examine every node that could run one of the study's trials.

    Raises ClusterError, which names the node that fails and why, and where no node, alive or the
    autoscaler's, could ever run one.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    alive = nodes()
    everything = alive + planned()
    check_gpus(config.gpus_per_trial, most_gpus(everything), "a node of the cluster")
    if not _slots(everything, config):
        most = max((node.cpus for node in everything), default=0)
        raise ClusterError(
            f"no node of the cluster can run a trial of {config.cpus_per_trial} cores and "
            f"{config.gpus_per_trial:g} GPUs: the most cores that one has are {most:g}"
        )
    asked = {
        node: ray.remote(num_cpus=0, max_retries=0)(examine)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False))
        .remote(dict(expected))
        for node in alive
        if _slots([node], config)
    }
    for node, answer in asked.items():
        try:
            problem = ray.get(answer, timeout=EXAMINATION_S)
        except Exception as error:  # it cannot even import this project
            lines = [line for line in str(error).splitlines() if line.strip()]
            problem = lines[-1].strip() if lines else type(error).__name__
        if problem:
            raise ClusterError(f"node {node.name} cannot run trials: {problem}")


def examine(expected: Mapping[str, Any]) -> str | None:
    """On a node: what is wrong with it, or None."""
    return _other_versions(expected) or _other_files(expected)


def _other_versions(expected: Mapping[str, Any]) -> str | None:
    theirs = expected["origin"]
    try:
        task = find_task(expected["task"])
        ours = depends_on(task, Prepared(folder=Path(), hash=theirs["data"]))
    except Exception as error:  # the task or a package is not there
        return " ".join(f"{type(error).__name__}: {error}".split())
    differing = changes(theirs, ours)
    return f"it has other versions than the driver ({'; '.join(differing)})" if differing else None


def _other_files(expected: Mapping[str, Any]) -> str | None:
    where = expected["storage"] or expected["studies_folder"]
    try:
        if expected["storage"] is None:
            seen = (Path(where) / PROBE).read_text()
            with tempfile.NamedTemporaryFile(dir=where):
                pass
            if not Path(expected["data_folder"]).is_dir():
                return f"the data {expected['data_folder']} is not there: --storage brings it"
        else:
            store = open_store(where)
            seen = (store.get_bytes(PROBE) or b"").decode()
            store.put_bytes(f"{PROBE}-{socket.gethostname()}", b"writable")
    except (OSError, ValueError) as error:
        hint = "" if expected["storage"] else "; trials on several machines need --storage"
        return f"{where} cannot be used there: {error}{hint}"
    if seen != expected["probe"]:
        return f"{where} there is not the driver's: another file system of the same name"
    return None


@functools.cache
def examined(expected: str) -> None:
    """Once a worker process, before its first trial. Raises ClusterError.

    `expected`: an expectation as JSON. A node that joined after the start is found out here.
    """
    held_against = json.loads(expected)
    problem = _other_versions(held_against)
    for attempt in range(ATTEMPTS if problem is None else 0):  # a storage may be away for a moment
        time.sleep(RETRY_S if attempt else 0)
        problem = _other_files(held_against)
        if problem is None:
            return
    raise ClusterError(f"{UNFIT} {socket.gethostname()} cannot run trials: {problem}")


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


def _slots(among: Sequence[Node], config: StudyConfig) -> int:
    return sum(node.slots(config.cpus_per_trial, config.gpus_per_trial) for node in among)
