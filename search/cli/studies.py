"""The commands that drive a study: run, plan, resume, stop. Heavy imports happen inside them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

import search
from search.cli.common import (
    DEFAULT_URI,
    DONE,
    FAILED,
    INTERRUPTED,
    AddCommand,
    complete_study,
    load,
    option,
    print_json,
    say,
    where,
)
from search.cli.study_options import add_run_options, add_trial_timeout, add_watching, asked
from search.errors import EndedEarly, RecordError, first_line

__all__ = ["add_commands"]


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
    add_trial_timeout(resume, "as before")
    resume.add_argument("--until", metavar="METRIC>=X|none", help="when to end (as before)")
    resume.add_argument(
        "--budget-epochs", type=int, metavar="N", help="of all sessions; 0: no bound (as before)"
    )
    resume.add_argument(
        "--stop-when-no-gain",
        action=argparse.BooleanOptionalAction,
        help="end when 32 more trials would hardly better the best (as before)",
    )
    resume.add_argument(
        "--accept-changes", action="store_true", help="though code, data or versions differ"
    )
    add_watching(resume)

    stop = command("stop", _stop, "end a running study; it can be resumed")
    complete_study(stop.add_argument("name", metavar="NAME"))
    stop.add_argument("--now", action="store_true", help="do not wait for running trials")


def _run(options: argparse.Namespace) -> int:
    return _see_through(
        options,
        lambda: search.run(
            options.task,
            **asked(options),
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
        **asked(options),
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
            budget_epochs=options.budget_epochs,
            stop_when_no_gain=options.stop_when_no_gain,
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
    # Why a finished study ended is in its summary, but for what has failed.
    if why and (code == FAILED or summary["state"] != "finished"):
        print(f"{'error: ' if code == FAILED else ''}{why}", file=sys.stderr)
    for purpose, command in _next_commands(options, study):
        say(options, f"{purpose:<18}python -m search {command}")
    if options.json:
        print_json(summary)
    return code


def _next_commands(options: argparse.Namespace, study: search.Study) -> list[tuple[str, str]]:
    """What a user may want to type now: (purpose, command)."""
    from search.tracking.addresses import absolute

    here = where(options)
    uri = option(study.config.tracking_uri, absolute(DEFAULT_URI), "--tracking-uri")
    extend, longer = study.state == "finished", ""
    if extend:
        ended_for = study.stopped_because
        longer = " --no-stop-when-no-gain" if ended_for else f" --trials {2 * study.length}"
    return [
        ("search on:" if extend else "go on with it:", f"resume {study.name}{longer}{here}"),
        ("see it on a page:", f"report {study.name} --open{here}"),
        ("compare trials:", f"ui{uri}"),
        ("look at one:", f"show {study.name} --trial 0{here}"),
    ]
