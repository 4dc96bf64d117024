"""The commands that drive a study: run, plan, resume, stop. Heavy imports happen inside them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import search
from search.cli.common import (
    DEFAULT_URI,
    DONE,
    FAILED,
    INTERRUPTED,
    AddCommand,
    add_address,
    add_stores,
    complete_study,
    load,
    option,
    print_json,
    say,
    seconds,
    where,
)
from search.errors import EndedEarly, RecordError, UserError, first_line
from search.files.typed import typed_path

__all__ = ["add_commands", "add_run_options"]


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    add_run_options(command("run", _run, "start a study of TASK and see it through"))

    planning = command("plan", _plan, "what `run` with the same options would take")
    add_run_options(planning)
    planning.add_argument(
        "--price-per-hour", type=float, metavar="PRICE", help="of all machines together"
    )

    resume = command("resume", _resume, "go on with a study, or extend it by --trials")
    complete_study(resume.add_argument("name", metavar="NAME"))
    resume.add_argument("--trials", type=int, help="the study's new length")
    resume.add_argument("--workers", type=int, help="trials at a time (as before)")
    resume.add_argument("--tracking-uri", help="the MLflow store (as before)")
    resume.add_argument(
        "--storage", metavar="FOLDER|s3://…", help="where all nodes keep checkpoints (as before)"
    )
    _trial_timeout(resume, "as before")
    resume.add_argument("--until", metavar="METRIC>=X|none", help="when to end (as before)")
    resume.add_argument(
        "--accept-changes", action="store_true", help="though code, data or versions differ"
    )
    _watching(resume)

    stop = command("stop", _stop, "end a running study; it can be resumed")
    complete_study(stop.add_argument("name", metavar="NAME"))
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
    run.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    run.add_argument(
        "--points",
        metavar="NAME,…|FILE.json",
        help="named configurations to train first and in full (the task's first points)",
    )
    run.add_argument(
        "--point-seeds", type=int, default=1, help="train each of them so often, on other seeds (1)"
    )
    run.add_argument("--no-baseline", action="store_true", help="do not train the named points")
    add_stores(run)
    _trial_timeout(run, "10 × the median, at least 10m")
    run.add_argument(
        "--until", default="", metavar="METRIC>=X", help="end with a complete trial that has it"
    )
    run.add_argument(
        "--keep-checkpoints", type=int, default=5, help="of the best trials, at the end (5)"
    )
    _watching(run)


def _trial_timeout(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="TIME",
        help=f"the longest an epoch may take ({default})",
    )


def _watching(parser: argparse.ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument("--time-budget", type=seconds, metavar="TIME", help="such as 90s, 10m, 8h")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    parser.add_argument(
        "--events", action="store_true", help="a line of JSON on stderr for whatever happens"
    )
    parser.add_argument(
        "--notify", metavar="URL|COMMAND", help="tell it, in JSON, of new bests and of the end"
    )
    parser.add_argument("--json", action="store_true", help="summary as JSON, last line of stdout")


def _run(options: argparse.Namespace) -> int:
    return _see_through(
        options,
        lambda: search.run(
            options.task,
            **_asked(options),
            studies_dir=options.studies_dir,
            record=options.record,
            address=options.address,
            time_budget_s=options.time_budget,
            quiet=options.quiet,
            events=options.events,
            notify=options.notify,
            say=partial(say, options),
        ),
    )


def _plan(options: argparse.Namespace) -> int:
    told = search.plan(
        options.task,
        **_asked(options),
        studies_dir=options.studies_dir,
        record=options.record,
        address=options.address,
        price_per_hour=options.price_per_hour,
        say=partial(say, options),
    )
    if options.json:
        print_json(told.as_dict())
    else:
        print(told.describe())
    return DONE


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """What the study is to be."""
    return {
        "trials": options.trials,
        "name": options.name,
        "workers": options.workers,
        "max_epochs": options.max_epochs,
        "fixed": dict(map(_fixed, options.set)),
        "dataset": options.dataset,
        "data_dir": options.data_dir,
        "gpus_per_trial": options.gpus_per_trial,
        "min_epochs": options.min_epochs,
        "reduction_factor": options.reduction_factor,
        "sampler": options.sampler,
        "scheduler": options.scheduler,
        "seed": options.seed,
        "trial_timeout_s": options.trial_timeout,
        "keep_checkpoints": options.keep_checkpoints,
        "until": options.until,
        "cpus_per_trial": options.cpus_per_trial,
        "baseline": not options.no_baseline,
        "points": options.points,
        "point_seeds": options.point_seeds,
        "tracking_uri": options.tracking_uri,
        "storage": options.storage,
    }


def _resume(options: argparse.Namespace) -> int:
    study = load(options)
    return _see_through(
        options,
        lambda: study.resume(
            trials=options.trials,
            workers=options.workers,
            storage=options.storage,
            tracking_uri=options.tracking_uri,
            trial_timeout_s=options.trial_timeout,
            time_budget_s=options.time_budget,
            address=options.address,
            accept_changes=options.accept_changes,
            until=options.until,
            notify=options.notify,
            events=options.events,
            quiet=options.quiet,
            say=partial(say, options),
        ),
    )


def _stop(options: argparse.Namespace) -> int:
    name = load(options).stop(now=options.now, say=print)
    print(f"asked {name} to stop" + ("" if options.now else " when running trials pause"))
    return DONE


def _see_through(options: argparse.Namespace, work: Callable[[], search.Study]) -> int:
    """Do the work on a study, then print its summary and what may be typed next; the exit code."""
    from search.reports.summary import describe

    code, why = DONE, ""
    try:
        study = work()
        why = study.stopped_because
    except (EndedEarly, KeyboardInterrupt) as error:
        early = error if isinstance(error, EndedEarly) else error.__cause__
        if not isinstance(early, EndedEarly):
            raise
        why, code = first_line(early), FAILED if error is early else INTERRUPTED
        try:
            study = load(options, early.study)
        except RecordError:  # its server does not answer: there is no summary
            print(f"error: {why}", file=sys.stderr)
            return code
    summary = study.summary
    counts = summary["trials"]
    if code == DONE and counts["failed"] == counts["total"] > 0:
        code, why = FAILED, "every trial failed: see `show --trial 0`"
    if not options.json:
        print(describe(summary))
    if why:
        print(f"{'error: ' if code == FAILED else ''}{why}", file=sys.stderr)
    for purpose, command in _next_commands(options, study, extend=not why):
        say(options, f"{purpose:<18}python -m search {command}")
    if options.json:
        print_json(summary)
    return code


def _next_commands(
    options: argparse.Namespace, study: search.Study, *, extend: bool
) -> list[tuple[str, str]]:
    """What a user may want to type now: (purpose, command)."""
    from search.tracking.addresses import absolute

    here = where(options)
    uri = option(study.config.tracking_uri, absolute(DEFAULT_URI), "--tracking-uri")
    longer = f" --trials {2 * study.length}" if extend else ""
    return [
        ("search on:" if extend else "go on with it:", f"resume {study.name}{longer}{here}"),
        ("see it on a page:", f"report {study.name} --open{here}"),
        ("compare trials:", f"ui{uri}"),
        ("look at one:", f"show {study.name} --trial 0{here}"),
    ]


def _fixed(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set takes KEY=VALUE, got {text!r}")
    return name, value
