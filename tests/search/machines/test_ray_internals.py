"""Whether the installed Ray still has the privates that search/machines/ray_internals.py leans on.

Each test names the private and who needs it: where one fails, look there first.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil

import pytest
from ray.tune.experiment import Trial

import search  # noqa: F401 (it sets Ray's environment)
from search.machines.ray_internals import forget_ended_trials, process_of

# What is called or replaced: its name, its parameters, who leans on it.
CALLED = [
    ("ray._private.node:Node.start_monitor", "self", "lean_node"),
    ("ray._private.node:Node.start_log_monitor", "self", "lean_node"),
    (
        "ray._private.node:Node.start_api_server",
        "self include_dashboard raise_on_failure",
        "lean_node",
    ),
    ("ray._private.node:Node.get_gcs_client", "self", "lean_node"),
    ("ray._private.services:get_node", "gcs_address node_id", "watched_node"),
    ("ray._private.services:_get_gcs_client_options", "gcs_server_address", "watched_node"),
    (
        "ray._private.state:GlobalState._initialize_global_state",
        "self gcs_options",
        "watched_node",
    ),
    ("ray._private.state:GlobalState.node_table", "self", "watched_node"),
    (
        "ray._private.worker:listen_error_messages",
        "worker threads_stopped",
        "unheard_errors",
    ),
    ("ray.air._internal.usage:tag_callbacks", "callbacks", "import_lean_tune"),
    (
        "ray.tune.execution.tune_controller:TuneController.get_live_trials",
        "self",
        "live_trials",
    ),
    (
        "ray.tune.execution.tune_controller:TuneController.stop_trial",
        "self trial",
        "finish_trial",
    ),
    (
        "ray.autoscaler._private.resource_demand_scheduler:_resource_based_utilization_scorer",
        "node_resources resources node_availability_summary",
        "resource_score",
    ),
]

# What Ray's own code must say for a patch to be in its way: the code, the words, who leans on it.
SAID = [
    ("ray._private.worker:init", "ray._private.node.Node(", "lean_node replaces the class"),
    ("ray._private.node:Node", "self._webui_url", "lean_node sets it"),
    (
        "ray._private.node:Node.start_api_server",
        'self.get_gcs_client().internal_kv_put( b"webui:url",',
        "lean_node writes beside it",
    ),
    (
        "ray._private.node:Node.__init__",
        "ray._private.services.get_node(",
        "watched_node replaces the function",
    ),
    (
        "ray._private.worker:connect",
        "target=listen_error_messages",
        "unheard_errors replaces the function",
    ),
    ("ray.tune.tune:run", "air_usage.tag_callbacks(", "import_lean_tune replaces the function"),
    (
        "ray.tune.execution.class_cache:_ActorClassCache.get",
        "DEFAULT_ENV_VARS.copy()",
        "import_lean_tune empties the dictionary",
    ),
    (
        "ray.tune.execution.tune_controller:TuneController.step",
        "on_step_end(iteration=self._iteration, trials=self._trials)",
        "forget_ended_trials shortens this very list",
    ),
]


@pytest.mark.parametrize(("private", "parameters", "leaning"), CALLED)
def test_a_private_is_there_and_takes_what_it_is_given(private, parameters, leaning):
    why = f"{private}({parameters.replace(' ', ', ')}), which ray_internals.{leaning} leans on"
    try:
        found = pkgutil.resolve_name(private)
    except AttributeError:
        pytest.fail(f"Ray has no more {why}")

    assert list(inspect.signature(found).parameters) == parameters.split(), f"Ray has changed {why}"


@pytest.mark.parametrize(("private", "words", "leaning"), SAID)
def test_ray_s_own_code_meets_the_patch(private, words, leaning):
    code = " ".join(inspect.getsource(pkgutil.resolve_name(private)).split())

    assert words in code, f"{private} says {words!r} no more: ray_internals.{leaning}"


def test_the_dashboard_s_address_is_where_lean_node_writes_it():
    constants = importlib.import_module("ray._private.ray_constants")

    assert isinstance(constants.DASHBOARD_ADDRESS, str)
    assert isinstance(constants.KV_NAMESPACE_DASHBOARD, bytes)


def test_what_tune_would_put_into_a_trial_s_environment_every_process_has():
    """`import_lean_tune` empties that dictionary; by now it may have done so in this process."""
    module = importlib.import_module("ray.tune.execution.class_cache")
    (given,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULT_ENV_VARS"
    )

    assert {name: os.environ.get(name) for name in given} == given, "set it in search/__init__.py"


def test_a_trial_that_has_not_started_has_no_process():
    assert process_of(Trial("segment", stub=True)) is None


def _trial(status: str) -> Trial:
    trial = Trial("segment", stub=True, config={"trial": 7}, experiment_tag="1_trial=7")
    trial.update_last_result({"metrics": {"score": 0.5}, "training_iteration": 1})
    trial.set_status(status)
    return trial


def test_ended_trials_leave_tune_s_list_empty_and_others_stay_as_they_are():
    trials = [_trial(status) for status in (Trial.TERMINATED, Trial.RUNNING, Trial.ERROR)]
    ended, running, failed = trials

    forget_ended_trials(trials)

    assert trials == [running]
    assert running.config == {"trial": 7}
    assert running.run_metadata.metric_analysis["metrics/score"]["max"] == 0.5
    for trial in (ended, failed):
        assert trial.config == {}
        assert not trial.run_metadata.metric_analysis
        assert not trial.experiment_tag
        assert trial.is_finished()
