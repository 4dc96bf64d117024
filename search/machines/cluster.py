"""Where trials run: a Ray of our own on this machine, reachable from this machine only, or a
cluster that this machine is part of."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from search.errors import ClusterError, first_line
from search.machines.gpus import gpu_count
from search.machines.ray_folders import own_token, session_root, shared_token, token_file
from search.machines.ray_internals import import_lean_tune, lean_node, unheard_errors, watched_node
from search.tasks.config import StudyConfig

__all__ = ["connect", "local_ray", "ray_for"]

FILES = 1024  # that a process of Ray may need open, with many workers
OBJECT_STORE_BYTES = 100 * 2**20  # nothing large passes through it: data is memory-mapped
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
    own_token()
    root = session_root()
    import ray

    # A death is on record, with its reason.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    # Tune is imported beside it. Not the other way round: Ray's processes end with the thread
    # that started them.
    with ThreadPoolExecutor(1) as beside, lean_node(), watched_node(), unheard_errors():
        tune = beside.submit(import_lean_tune)
        try:
            ray.init(
                address="local",
                num_cpus=config.cores,
                num_gpus=gpu_count() or None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=root and str(root),
            )
        except (TypeError, ValueError, AssertionError):
            raise
        except Exception as error:
            # Ray's own kind for a node that does not come up in time.
            raise ClusterError(
                f"Ray did not start on this machine, {_likely_cause()}: {first_line(error)}"
            ) from error
    try:
        tune.result()
        yield
    finally:
        ray.shutdown()


def _likely_cause() -> str:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files < FILES:
        return f"where a process may open {files} files (`ulimit -n`; {FILES} are enough)"
    return "which may be overloaded"


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
    shared_token()
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


def _why(error: Exception) -> str:
    if "Failed to connect" in str(error):  # though it listens: all that Ray says of a wrong token
        return f"it refuses this token: {token_file()} must hold the head's"
    return first_line(error)
