"""The commands that drive a study: run, resume, stop. Heavy imports happen inside them."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.cli.common import (
    CODES,
    DEFAULT_URI,
    DONE,
    FAILED,
    INTERRUPTED,
    AddCommand,
    add_address,
    add_stores,
    as_json,
    check_cluster,
    check_own_gpus,
    option,
    say,
    seconds,
    where,
)
from search.errors import (
    RecordError,
    StorageError,
    StudyLockedError,
    TrackingError,
    UnreachableError,
    UserError,
    first_line,
)

if TYPE_CHECKING:
    from search.record.record import Record, Study
    from search.tasks.task import Task
    from trainables.data import Prepared

__all__ = ["add_commands", "add_run_options"]


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    add_run_options(command("run", _run, "start a study of TASK and see it through"))

    resume = command("resume", _resume, "go on with a study, or extend it by --trials")
    resume.add_argument("name", metavar="NAME")
    resume.add_argument("--trials", type=int, help="the study's new length")
    resume.add_argument(
        "--accept-changes", action="store_true", help="though code, data or versions differ"
    )
    _watching(resume)

    stop = command("stop", _stop, "end a running study; it can be resumed")
    stop.add_argument("name", metavar="NAME")
    stop.add_argument("--now", action="store_true", help="do not wait for running trials")


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Of `run`, and of `submit`, which is `run` elsewhere."""
    run.add_argument("task", metavar="TASK", help="sts, cnn, or your own as module:ATTRIBUTE")
    run.add_argument("--trials", type=int, default=64, help="configurations to try (64)")
    run.add_argument("--max-epochs", type=int, help="full length of a trial (the task's)")
    run.add_argument("--min-epochs", type=int, help="the first rung (the task's)")
    run.add_argument("--reduction-factor", type=int, help="1 of so many advances (3)")
    run.add_argument("--sampler", default="tpe", metavar="tpe|random", help="what proposes (tpe)")
    run.add_argument(
        "--scheduler",
        default="asha",
        metavar="asha|asha-published|none",
        help="what decides who trains on (asha)",
    )
    run.add_argument("--seed", type=int, default=0, help="of the whole study (0)")
    run.add_argument("--name", help="the study's name (task and date)")
    run.add_argument("--workers", type=int, help="trials at a time (all cores or GPUs)")
    run.add_argument("--cpus-per-trial", type=int, default=1, help="cores of each trial (1)")
    run.add_argument("--gpus-per-trial", type=float, default=0.0, help="GPUs, or a share (0)")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="fix a hyperparameter; repeatable",
    )
    run.add_argument("--dataset", help="the task's data set (its first)")
    run.add_argument("--data-dir", type=Path, help="the only place to take data from")
    run.add_argument("--no-baseline", action="store_true", help="do not train the named points")
    add_stores(run)
    run.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="TIME",
        help="the longest an epoch may take (10 × the median, at least 10m)",
    )
    run.add_argument(
        "--keep-checkpoints", type=int, default=5, help="of the best trials, at the end (5)"
    )
    _watching(run)


def _watching(parser: argparse.ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--time-budget", type=seconds, metavar="TIME", help="such as 90s, 10m, 8h")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    parser.add_argument("--json", action="store_true", help="summary as JSON, last line of stdout")


def _run(options: argparse.Namespace) -> int:
    from search.driver.begin import create, prepare
    from search.files.storage import check_storage
    from search.record.record import open_record
    from search.tasks.config import StudyConfig
    from search.tasks.registry import find_task
    from search.tracking.addresses import absolute, check_server

    task = find_task(options.task)
    gpus, workers = _room(options)
    fixed = dict(_fixed(task, text) for text in options.set)
    task.configure(fixed)  # its bounds
    on_gpu = gpus and options.gpus_per_trial
    implied = {} if on_gpu else {n: v for n, v in task.without_gpu.items() if n not in fixed}
    datasets = task.data.DATASETS
    if options.dataset is not None and options.dataset not in datasets:
        raise UserError(
            f"{task.name} has no data set {options.dataset!r}; there are: {', '.join(datasets)}"
        )
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("max_epochs", "min_epochs", "reduction_factor", "workers")
    }
    defaults: dict[str, Any] = {
        "max_epochs": task.max_epochs,
        "min_epochs": task.min_epochs,
        "reduction_factor": task.reduction_factor,
        "workers": workers,
    }
    config = StudyConfig(
        name=options.name or time.strftime(f"{task.name}-%Y%m%d-%H%M%S"),
        task=options.task,
        dataset=options.dataset or datasets[0],
        trials=options.trials,
        sampler=options.sampler,
        scheduler=options.scheduler,
        seed=options.seed,
        trial_timeout_s=options.trial_timeout,
        keep_checkpoints=options.keep_checkpoints,
        cpus_per_trial=options.cpus_per_trial,
        gpus_per_trial=options.gpus_per_trial,
        fixed={**fixed, **implied},
        baseline=not options.no_baseline,
        data_dir=str(options.data_dir.resolve()) if options.data_dir else None,
        tracking_uri=absolute(options.tracking_uri),
        storage=options.storage,
        **{name: defaults[name] if value is None else value for name, value in given.items()},
    )
    check_own_gpus(options, config)
    check_server(config.tracking_uri)
    check_storage(config.storage)
    prepared = prepare(task, config)
    check_cluster(options, task, config, prepared)
    record = open_record(options.studies_dir, url=options.record, create=True)
    study = create(record, config, task, prepared)
    if gpus and not options.gpus_per_trial:
        say(options, f"{gpus} GPUs here, which no trial uses: --gpus-per-trial 1, or a share of it")
    for name, value in implied.items():
        say(options, f"no GPU, so: --set {name}={value}")
    return _see_through(options, record, study, task, prepared, config.trials)


def _room(options: argparse.Namespace) -> tuple[int, int]:
    """The most GPUs that a machine has, and the trials that fit at a time."""
    from search.machines.machine import default_workers, gpu_count

    if options.address is None:
        gpus = gpu_count()
        return gpus, default_workers(options.cpus_per_trial, options.gpus_per_trial, gpus)
    from search.machines import capacity, cluster, nodes

    cluster.connect(options.address)
    if options.cpus_per_trial < 1 or not options.gpus_per_trial >= 0:
        return 0, 1  # StudyConfig says what is wrong
    workers = capacity.most_slots(options.cpus_per_trial, options.gpus_per_trial)
    return nodes.most_gpus(nodes.alive_nodes() + nodes.planned_nodes()), max(workers, 1)


def _resume(options: argparse.Namespace) -> int:
    from search.driver.begin import prepare
    from search.files.storage import check_storage
    from search.record.record import open_record
    from search.tasks.provenance import changes, depends_on
    from search.tasks.registry import find_task
    from search.tracking.addresses import check_server

    record = open_record(options.studies_dir, url=options.record)
    study = record.study(options.name)
    if study.config.parent is not None:
        raise UserError(
            f"{study.name} is part of a promotion: `python -m search promote {study.config.parent}`"
        )
    task = find_task(study.config.task)
    history = record.history(study)
    length = history.length or study.config.trials
    trials = length if options.trials is None else options.trials
    if trials < length:
        raise UserError(
            f"--trials must be at least the study's length ({length}), got {trials}: "
            "a study can be extended, not cut"
        )
    dataclasses.replace(study.config, trials=trials)  # its bounds
    check_own_gpus(options, study.config)
    check_storage(study.config.storage)
    prepared = prepare(task, study.config)
    differing = changes(history.depends_on or study.origin, depends_on(task, prepared))
    if differing and not options.accept_changes:
        raise UserError(
            f"study {study.name} began with other versions ({'; '.join(differing)}): its trials "
            "may not compare; go on all the same with --accept-changes"
        )
    check_cluster(options, task, study.config, prepared)
    try:
        check_server(study.config.tracking_uri)
    except TrackingError as error:  # training does not wait for it, begun as it is
        print(f"MLflow will be behind: {error}", file=sys.stderr)
    return _see_through(options, record, study, task, prepared, trials)


def _stop(options: argparse.Namespace) -> int:
    from search.record.record import open_record

    record = open_record(options.studies_dir, url=options.record)
    named = record.study(options.name)
    its_own = [s for s in record.studies() if named.name in (s.name, s.config.parent)]
    study = next((s for s in its_own if record.driven(s.name)), None)  # or its promotion
    if study is None:
        raise RecordError(f"study {named.name} is not running")
    record.requests.add(study, "stop now" if options.now else "stop")
    print(f"asked {study.name} to stop" + ("" if options.now else " when running trials pause"))
    return DONE


def _see_through(
    options: argparse.Namespace,
    record: Record,
    study: Study,
    task: Task,
    prepared: Prepared,
    trials: int,
) -> int:
    """Drive the study to its end, watched, and print the summary."""
    from search.decisions import plan
    from search.driver.ending import EndedEarly
    from search.driver.run import see_through
    from search.reports.summary import describe, summarise

    first, fixed = len(task.first_trials(study.config)), study.config.fixed
    size_mib = task.checkpoint_mib(fixed) if task.checkpoint_mib else None
    say(options, plan.describe(study.config, trials, first, size_mib))
    code, why = DONE, ""
    summary: dict[str, Any] = {}

    def show() -> None:
        summary.update(summarise(record, study, task))
        if not options.json:
            print(describe(summary))

    try:
        see_through(
            record,
            study,
            task,
            prepared,
            trials=trials,
            time_budget_s=options.time_budget,
            address=options.address,
            quiet=options.quiet,
            say=lambda line: say(options, line),
            on_end=show,
        )
    except EndedEarly as early:
        why, code = early.why, CODES[early.outcome]
    except KeyboardInterrupt:
        if not summary:
            raise
        why, code = "interrupted", INTERRUPTED
    except (OSError, RecordError, StorageError) as error:
        if isinstance(error, StudyLockedError):
            raise
        if isinstance(error, UnreachableError):  # there is no summary without it
            print(f"error: {first_line(error)}", file=sys.stderr)
            return FAILED
        why, code = first_line(error), FAILED
    counts = summary["trials"]
    if code == DONE and counts["failed"] == counts["total"] > 0:
        code, why = FAILED, "every trial failed: see `show --trial 0`"
    if why:
        print(f"{'error: ' if code == FAILED else ''}{why}", file=sys.stderr)
    for purpose, command in _next_commands(options, study, 0 if why else 2 * trials):
        say(options, f"{purpose:<18}python -m search {command}")
    if options.json:
        print(as_json(summary))
    return code


def _next_commands(
    options: argparse.Namespace, study: Study, extend_to: int
) -> list[tuple[str, str]]:
    """What a user may want to type now: (purpose, command). `extend_to` 0: it has not ended."""
    from search.tracking.addresses import absolute

    here = where(options)
    uri = option(study.config.tracking_uri, absolute(DEFAULT_URI), "--tracking-uri")
    longer = f" --trials {extend_to}" if extend_to else ""
    return [
        ("search on:" if extend_to else "go on with it:", f"resume {study.name}{longer}{here}"),
        ("compare trials:", f"ui{uri}"),
        ("look at one:", f"show {study.name} --trial 0{here}"),
    ]


def _fixed(task: Task, text: str) -> tuple[str, Any]:
    from search.tasks.hyperparameter import parse_hyperparameter

    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set takes KEY=VALUE, got {text!r}")
    return name, parse_hyperparameter(task, name, value)
