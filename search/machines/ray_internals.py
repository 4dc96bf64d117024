"""What leans on Ray's private parts, in one place, for a new release of Ray to be held against.

`tests/search/machines/test_ray_internals.py` says which private each function needs, and fails
where the installed Ray has it no longer; pyproject.toml bounds the releases.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

__all__ = [
    "finish_trial",
    "forget_ended_trials",
    "import_lean_tune",
    "lean_node",
    "live_trials",
    "process_of",
    "resource_score",
    "unheard_errors",
    "watched_node",
]

NODE_S = 10.0  # what a node of our own may take to be up before Ray asks as it does


@contextlib.contextmanager
def lean_node() -> Iterator[None]:
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
            # Without an address Ray asks for it each second, and logs the answer.
            known = ray_constants.DASHBOARD_ADDRESS.encode(), b"127.0.0.1:0"
            self.get_gcs_client().internal_kv_put(
                *known, True, ray_constants.KV_NAMESPACE_DASHBOARD
            )

    complete_node, node.Node = node.Node, LeanNode
    try:
        yield
    finally:
        node.Node = complete_node


@contextlib.contextmanager
def watched_node() -> Iterator[None]:
    """`ray.init` asks each second whether the node that it has started is up; here more often."""
    from ray._private import services, state

    asks_each_second = services.get_node

    def get_node(gcs_address: str, node_id: str) -> Any:
        known = state.GlobalState()
        known._initialize_global_state(services._get_gcs_client_options(gcs_address))
        gives_up_at = time.monotonic() + NODE_S
        while time.monotonic() < gives_up_at:
            if any(node["NodeID"] == node_id for node in known.node_table()):
                break
            time.sleep(0.02)
        return asks_each_second(gcs_address, node_id)

    services.get_node = get_node
    try:
        yield
    finally:
        services.get_node = asks_each_second


@contextlib.contextmanager
def unheard_errors() -> Iterator[None]:
    """`ray.init` starts a thread that prints what Ray says of a worker that died, to whatever
    stream there is. Why it died is on record, in one line."""
    from ray._private import worker

    listens, worker.listen_error_messages = worker.listen_error_messages, lambda *_: None
    try:
        yield
    finally:
        worker.listen_error_messages = listens


def import_lean_tune() -> None:
    """Import Tune, and spare it what it does for nobody here."""
    from ray.air._internal import usage
    from ray.tune.execution import class_cache

    # Trials take the processes that Ray has started by now only if they ask for no environment of
    # their own. What Tune would put there, every process has (search/__init__.py).
    class_cache.DEFAULT_ENV_VARS.clear()
    # Telemetry, which is off: it counts kinds of callbacks, and imports MLflow to know them.
    usage.tag_callbacks = lambda callbacks: False


def live_trials(controller: Any) -> list[Any]:
    """Tune's trials that have not ended."""
    return list(controller.get_live_trials())


def process_of(trial: Any) -> Any:
    """The actor that a Tune trial runs in; None: it has none yet."""
    return trial.temporary_state.ray_actor


def finish_trial(controller: Any, trial: Any) -> None:
    """End a Tune trial that has no process."""
    controller.stop_trial(trial)


def forget_ended_trials(trials: list[Any]) -> None:
    """Empty the ended ones of Tune's own list of trials, and take them out of it.

    Tune keeps every trial it ever ran, with its configuration and all statistics of its results,
    and looks at each of them in every turn of its loop (ray#64231).
    """
    ended = [trial for trial in trials if trial.is_finished()]
    for trial in ended:
        trial.config.clear()
        trial.evaluated_params, trial.experiment_tag = {}, ""
        trial.run_metadata = type(trial.run_metadata)()
    if ended:
        trials[:] = [trial for trial in trials if not trial.is_finished()]


def resource_score(
    node_resources: dict[str, float], resources: list[dict[str, float]], node_availability: Any
) -> tuple[float, ...] | None:
    """The autoscaler's own score of a node type for what waits: the highest is launched; None: it
    does not fit. First in it: whether a GPU would not be launched for what needs none."""
    from ray.autoscaler._private.resource_demand_scheduler import (
        _resource_based_utilization_scorer,
    )

    score: tuple[float, ...] | None = _resource_based_utilization_scorer(
        node_resources, resources, node_availability_summary=node_availability
    )
    return score
