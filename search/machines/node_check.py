"""Whether a cluster's machines can train: each is held against what the driver has.

Every node is examined before the first trial, and one that joins later before its first trial.
"""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import ClusterError
from search.files.storage import open_store
from search.machines.capacity import slots
from search.machines.machine import check_gpus
from search.machines.nodes import alive_nodes, most_gpus, planned_nodes
from search.tasks.config import StudyConfig
from search.tasks.provenance import changes, depends_on
from search.tasks.registry import find_task
from search.tasks.task import Task
from trainables.data import Prepared

__all__ = ["UNFIT", "check_nodes", "ensure_fit", "examine", "expectation"]

EXAMINATION_S = 120.0  # importing torch from a cold network disk takes its time
PROBE = ".probe"  # a file that every node must see where trials write
UNFIT = "unfit node"  # how a driver knows why a process would not train
TRIES, RETRY_S = 7, 15.0  # within the time that a process has to start


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
        "origin": depends_on(task, prepared, config.task),
    }


def _probe(storage: str | None, studies_folder: Path) -> str:
    """What the file says; made if it is not there, since other studies are held against it too."""
    content = secrets.token_hex(16)
    if storage is None:
        with (
            contextlib.suppress(FileExistsError),
            (studies_folder / PROBE).open("x", encoding="utf-8") as file,
        ):
            file.write(content)
        return (studies_folder / PROBE).read_text(encoding="utf-8")
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

    alive = alive_nodes()
    all_nodes = alive + planned_nodes()
    check_gpus(config.gpus_per_trial, most_gpus(all_nodes), "a node of the cluster")
    if not slots(all_nodes, config):
        most = max((node.cpus for node in all_nodes), default=0)
        raise ClusterError(
            f"no node of the cluster can run a trial of {config.cpus_per_trial} cores and "
            f"{config.gpus_per_trial:g} GPUs: the most cores that one has are {most:g}"
        )
    answers = {
        node: ray.remote(num_cpus=0, max_retries=0)(examine)
        .options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False))
        .remote(dict(expected))
        for node in alive
        if slots([node], config)
    }
    for node, answer in answers.items():
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
        here = Prepared(folder=Path(), hash=theirs["data"])
        ours = depends_on(task, here, expected["task"])
    except Exception as error:  # the task or a package is not there
        return " ".join(f"{type(error).__name__}: {error}".split())
    differing = changes(theirs, ours)
    return f"it has other versions than the driver ({'; '.join(differing)})" if differing else None


def _other_files(expected: Mapping[str, Any]) -> str | None:
    where = expected["storage"] or expected["studies_folder"]
    try:
        if expected["storage"] is None:
            seen = (Path(where) / PROBE).read_text(encoding="utf-8")
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
def ensure_fit(expected: str) -> None:
    """Once a worker process, before its first trial. Raises ClusterError.

    `expected`: an expectation as JSON. A node that joined after the start is found out here.
    """
    parsed = json.loads(expected)
    problem = _other_versions(parsed)
    # A storage may be away for a moment.
    for attempt in range(TRIES if problem is None else 0):
        time.sleep(RETRY_S if attempt else 0)
        problem = _other_files(parsed)
        if problem is None:
            return
    raise ClusterError(f"{UNFIT} {socket.gethostname()} cannot run trials: {problem}")
