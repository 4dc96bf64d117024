"""From what a user asks for to a study that is on record, or that goes on."""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.decisions.until import parse_until
from search.decisions.warm_start import WarmStart
from search.driver.begin import create, prepare
from search.driver.budget import with_budget
from search.driver.warm_start import warm_start
from search.errors import RecordError, UserError
from search.files.defaults import default_tracking_uri
from search.files.storage import check_storage
from search.files.typed import typed_path, typed_storage
from search.machines.gpus import gpu_count
from search.machines.machine import check_gpus, check_room, default_workers
from search.record.record import Record, Study, open_record
from search.tasks.config import TRIALS, StudyConfig, Value
from search.tasks.defined_here import MAIN, name_of
from search.tasks.hyperparameter import parse_hyperparameter
from search.tasks.own_function import find_function
from search.tasks.own_names import is_own
from search.tasks.points import Points, find_points
from search.tasks.registry import find_task
from search.tasks.task import Task
from search.tasks.user_code import user_code
from search.tracking.addresses import absolute, check_server
from search.tracking.notify import check_target
from trainables.data import Prepared

__all__ = ["OpenStudy", "asked_for", "check_cluster", "check_own_gpus", "new_study", "tell_room"]

# Further fields of StudyConfig that a user may set.
OPTIONS = (
    "trials",
    "max_epochs",
    "min_epochs",
    "reduction_factor",
    "sampler",
    "scheduler",
    "seed",
    "workers",
    "baseline",
    "point_seeds",
    "trial_timeout_s",
    "keep_checkpoints",
    "until",
    "stop_when_no_gain",
    "budget_epochs",
    "warm_start",
)


@dataclass(frozen=True, kw_only=True)
class OpenStudy:
    """A study with all that is needed to drive it."""

    record: Record
    study: Study
    task: Task
    prepared: Prepared


def asked_for(
    given_task: str | Task,
    *,
    address: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    name: str | None = None,
    fixed: Mapping[str, Value] | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    cpus_per_trial: int = 1,
    gpus_per_trial: float = 0.0,
    points: str | Sequence[str] | Points | None = None,
    **others: Any,
) -> tuple[Task, StudyConfig]:
    """The task, and the study's configuration, defaults included.

    `fixed`: values of hyperparameters that are not drawn; a text is read as typed. `points`: what
    is trained first and in full (search/tasks/points.py); the study has as many trials at least.
    `others`: further fields of StudyConfig; None stands for the task's own, or for as many workers
    as fit. Raises UserError.
    """
    task_name = given_task if isinstance(given_task, str) else name_of(given_task)
    task = find_task(task_name)
    if address is not None and task_name.startswith(MAIN):
        raise UserError(
            f"task {task.name} is defined in a notebook or script, which other machines do not "
            "have: put it into a module to train on a cluster"
        )
    gpus, workers = _room(address, cpus_per_trial, gpus_per_trial)
    values = {key: _value(task, key, value) for key, value in (fixed or {}).items()}
    with user_code(f"the configuration of task {task_name} raises"):
        task.configure(values)
    without_gpu = {} if gpus and gpus_per_trial else task.without_gpu
    implied = {key: value for key, value in without_gpu.items() if key not in values}
    datasets = task.data.DATASETS
    if dataset is not None and dataset not in datasets:
        raise UserError(
            f"{task.name} has no data set {dataset!r}; there are: {', '.join(datasets)}"
        )
    defaults = {
        "max_epochs": task.max_epochs,
        "min_epochs": task.min_epochs,
        "reduction_factor": task.reduction_factor,
        "workers": workers,
    }
    for key in others:
        if key not in OPTIONS:
            raise UserError(f"there is no option {key!r}; there are: {', '.join(OPTIONS)}")
    given = {key: value for key, value in others.items() if value is not None}
    if points is not None:
        with user_code(f"a point of task {task_name} raises"):
            given["points"] = find_points(task, points)
        runs = len(given["points"]) * given.get("point_seeds", 1)
        if "trials" in given or not given.get("budget_epochs"):
            given["trials"] = max(given.get("trials", TRIALS), runs)
    config = StudyConfig(
        name=name or time.strftime(f"{task.name}-%Y%m%d-%H%M%S"),
        task=task_name,
        dataset=dataset or datasets[0],
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        fixed={**values, **implied},
        data_dir=str(typed_path(data_dir).resolve()) if data_dir else None,
        tracking_uri=absolute(tracking_uri or default_tracking_uri()),
        storage=typed_storage(storage or os.environ.get("SEARCH_STORAGE") or "") or None,
        **{**defaults, **given},
    )
    task.check_gpus(config.gpus_per_trial)
    config = with_budget(config, task, trials=given.get("trials"))
    for kind in ("sampler", "scheduler"):
        if is_own(named := getattr(config, kind)):
            find_function(kind, named)
    if config.until:
        parse_until(config.until, metric=task.metric, mode=task.mode)
    tell_room(config, address, say)
    if gpus and not gpus_per_trial:
        say(f"{gpus} GPUs here, which no trial uses: --gpus-per-trial 1, or a share of it")
    drawn = config.trials > len(config.given_points or ())
    for key, value in implied.items() if drawn else ():
        say(f"no GPU, so: --set {key}={value}")
    return task, config


def new_study(
    given_task: str | Task,
    *,
    studies_dir: Path,
    record_url: str | None = None,
    address: str | None = None,
    name: str | None = None,
    notify: str | None = None,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> OpenStudy:
    """Check all that can be known before the start, prepare the data, put the study on record.

    `options`: those of `asked_for`. Raises UserError, DataError.
    """
    task, config = asked_for(given_task, address=address, name=name, say=say, **options)
    if notify is not None:
        check_target(notify)
    check_server(config.tracking_uri)
    check_storage(config.storage)
    prepared = prepare(task, config)
    check_cluster(config, address, task, prepared, studies_dir)
    record = open_record(studies_dir, url=record_url, create=True)
    warm = None
    if config.warm_start:
        warm, line = warm_start(record, config, task, prepared)
        say(line)
    study = _created(record, config, task, prepared, warm, numbered=name is None)
    return OpenStudy(record=record, study=study, task=task, prepared=prepared)


def _created(
    record: Record,
    config: StudyConfig,
    task: Task,
    prepared: Prepared,
    warm: WarmStart | None,
    *,
    numbered: bool,
) -> Study:
    """`numbered`: where another has begun in the same second, the name gets a number."""
    stem = config.name
    for number in itertools.count(2):
        try:
            return create(record, config, task, prepared, warm)
        except RecordError:
            if not numbered or config.name not in record.names():
                raise
        config = dataclasses.replace(config, name=f"{stem}-{number}")
    raise AssertionError


def check_own_gpus(config: StudyConfig, address: str | None) -> None:
    """Where trials run on this machine: that it has what one asks for. Raises UserError."""
    if address is None:
        check_gpus(config.gpus_per_trial, gpu_count())


def tell_room(config: StudyConfig, address: str | None, say: Callable[[str], None]) -> None:
    """Raises UserError where the machine cannot hold the study's workers."""
    check_own_gpus(config, address)
    if address is None:
        machine = (config.workers, config.cpus_per_trial, config.gpus_per_trial, gpu_count())
        for line in check_room(*machine):
            say(line)


def check_cluster(
    config: StudyConfig, address: str | None, task: Task, prepared: Prepared, studies_dir: Path
) -> None:
    """Where the study runs on a cluster: connect, and see that every node can train.

    Raises ClusterError, StorageError.
    """
    if address is None:
        return
    from search.machines import cluster, node_check

    cluster.connect(address)
    node_check.check_nodes(config, node_check.expectation(task, config, prepared, studies_dir))


def _room(address: str | None, cpus_per_trial: int, gpus_per_trial: float) -> tuple[int, int]:
    """The most GPUs that a machine has, and the trials that fit at a time."""
    if address is None:
        gpus = gpu_count()
        return gpus, default_workers(cpus_per_trial, gpus_per_trial, gpus)
    from search.machines import capacity, cluster, nodes

    cluster.connect(address)
    if cpus_per_trial < 1 or not gpus_per_trial >= 0:
        return 0, 1  # StudyConfig says what is wrong
    workers = capacity.most_slots(cpus_per_trial, gpus_per_trial)
    return nodes.most_gpus(nodes.alive_nodes() + nodes.planned_nodes()), max(workers, 1)


def _value(task: Task, name: str, value: Value) -> Value:
    """A text is read by the hyperparameter's annotation, anything else is taken as it is."""
    return parse_hyperparameter(task, name, value) if isinstance(value, str) else value
