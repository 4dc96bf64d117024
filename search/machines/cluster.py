"""Where trials run: a Ray of our own on this machine, reachable from this machine only, or a
cluster that this machine is part of."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from search.errors import ClusterError, first_line
from search.machines.machine import gpu_count
from search.tasks.config import StudyConfig

__all__ = ["connect", "local_ray", "ray_for", "token_file"]

OBJECT_STORE_BYTES = 100 * 2**20  # nothing large passes through it: data is memory-mapped
NODE_S = 10.0  # what a node of our own may take to be up before Ray asks as it does
ANSWER_S = 5.0  # how long a cluster's head may take to accept a connection


@contextlib.contextmanager
def ray_for(config: StudyConfig, address: str | None) -> Iterator[None]:
    """Ray for the study's length: the cluster at `address` (HOST:PORT), or our own."""
    if address is None:
        with local_ray(config):
            yield
        return
    import ray

    connect(address)
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def local_ray(config: StudyConfig) -> Iterator[None]:
    """Ray for the study's length. Imports Ray."""
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file())
    import ray

    logging.getLogger("ray.tune").setLevel(
        logging.CRITICAL
    )  # a death is on record, with its reason
    # Tune is imported beside it. Not the other way round: Ray's processes end with the thread
    # that started them.
    with ThreadPoolExecutor(1) as beside, _lean_node(), _notices_its_node():
        tune = beside.submit(_import_tune)
        ray.init(
            address="local",
            num_cpus=config.cores,
            num_gpus=gpu_count() or None,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )
    try:
        tune.result()
        yield
    finally:
        ray.shutdown()


def _import_tune() -> None:
    """And spare it what it does for nobody here."""
    from ray.air._internal import usage
    from ray.tune.execution import class_cache

    # Trials take the processes that Ray has started by now only if they ask for no environment of
    # their own. What Tune would put there, every process has (search/__init__.py).
    class_cache.DEFAULT_ENV_VARS.clear()
    # Telemetry, which is off: it counts kinds of callbacks, and imports MLflow to know them.
    usage.tag_callbacks = lambda callbacks: False


@contextlib.contextmanager
def _lean_node() -> Iterator[None]:
    """`ray.init` starts a node without the processes that have nothing to do here: the autoscaler's
    monitor (there is one machine), the log monitor (logs are ours), and what is left of a dashboard
    that is off, which it even waits for."""
    from ray._private import node, ray_constants

    class LeanNode(node.Node):  # type: ignore[misc]
        def start_monitor(self) -> None:
            pass

        def start_log_monitor(self) -> None:
            pass

        def start_api_server(self, **_: Any) -> None:
            self._webui_url = ""
            known = ray_constants.DASHBOARD_ADDRESS.encode(), b"127.0.0.1:0"  # else it is asked for
            space = ray_constants.KV_NAMESPACE_DASHBOARD  # each second, and the answer logged
            self.get_gcs_client().internal_kv_put(*known, True, space)

    whole, node.Node = node.Node, LeanNode
    try:
        yield
    finally:
        node.Node = whole


@contextlib.contextmanager
def _notices_its_node() -> Iterator[None]:
    """`ray.init` asks each second whether the node that it has started is up; here more often."""
    from ray._private import services, state

    asks_each_second = services.get_node

    def get_node(gcs_address: str, node_id: str) -> Any:
        asked = state.GlobalState()
        asked._initialize_global_state(services._get_gcs_client_options(gcs_address))
        gives_up_at = time.monotonic() + NODE_S
        while time.monotonic() < gives_up_at:
            if any(node["NodeID"] == node_id for node in asked.node_table()):
                break
            time.sleep(0.02)
        return asks_each_second(gcs_address, node_id)

    services.get_node = get_node
    try:
        yield
    finally:
        services.get_node = asks_each_second


def connect(address: str) -> None:
    """Become a driver of the cluster whose head listens at `address`, HOST:PORT.

    This machine must be part of it. Nothing if it is done already. Raises ClusterError.
    """
    host, _, port = address.rpartition(":")
    if "//" in address or not host or not port.isdigit():
        raise ClusterError(
            f"--address is the HOST:PORT of a cluster that this machine is part of, got "
            f"{address!r}; from elsewhere: `python -m search submit`"
        )
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file())
    os.environ.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", None)  # ours is loopback only, this is not
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # an error of ours says it in one line
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error}") from None
    import ray

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # whatever Ray answers: another version, a wrong token
        raise ClusterError(f"the Ray cluster at {address} cannot be used: {_why(error)}") from None


def token_file() -> Path:
    """Ray's token, made if it is not there, readable by its owner only; never printed."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    path.chmod(0o600)
    return path


def _why(error: Exception) -> str:
    if "Failed to connect" in str(error):  # though it listens: all that Ray says of a wrong token
        return f"it refuses this token: {token_file()} must hold the head's"
    return first_line(error)
