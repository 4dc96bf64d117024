"""The commands that look and tidy: list, show, sync, delete, doctor."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import search
from search.cli.common import (
    DEFAULT_URI,
    DONE,
    FAILED,
    AddCommand,
    complete_study,
    confirmed,
    load,
    print_json,
)
from search.files.typed import typed_path

if TYPE_CHECKING:
    from search.checks.machine_checks import Finding

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    listing = command("list", _list, "the studies of the studies folder")
    listing.add_argument("--json", action="store_true", help="print one JSON list")

    show = command("show", _show, "what is known of a study, or of one trial")
    complete_study(show.add_argument("name", metavar="NAME"))
    show.add_argument("--trial", type=int, help="its configuration, curve, log and traceback")
    show.add_argument(
        "--follow", action="store_true", help="go on showing what comes, until its driver ends"
    )
    show.add_argument("--watch", action="store_true", help="the live view of a study, likewise")
    show.add_argument("--json", action="store_true", help="print one JSON object")

    delete = command("delete", _delete, "remove a study and its folder")
    complete_study(delete.add_argument("name", metavar="NAME"))
    delete.add_argument("--yes", action="store_true", help="do not ask")

    sync = command("sync", _sync, "deliver to MLflow what is missing")
    complete_study(sync.add_argument("name", metavar="NAME"))

    doctor = command("doctor", _doctor, "check this machine before a study")
    doctor.add_argument("task", metavar="TASK", nargs="?", help="its data too")
    doctor.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    doctor.add_argument("--tracking-uri", default=DEFAULT_URI, help="the MLflow store")
    doctor.add_argument(
        "--cluster-file",
        type=typed_path,
        metavar="FILE",
        help="check this instead, before `ray up`",
    )


def _list(options: argparse.Namespace) -> int:
    from search.record.record import open_record
    from search.reports.listing import describe_listing, list_studies

    record = open_record(options.studies_dir, url=options.record)
    studies = list_studies(record, on_problem=partial(print, file=sys.stderr))
    if options.json:
        print_json(studies)
    elif studies:
        print(describe_listing(studies))
    return DONE


def _show(options: argparse.Namespace) -> int:
    study = load(options)
    if options.follow and options.trial is not None:
        study.follow(trial=options.trial)
    elif options.follow or options.watch:
        study.follow()
    if options.trial is None:
        _show_study(study, as_json_line=options.json)
    elif not options.follow:
        _show_trial(study, options.trial, as_json_line=options.json)
    return DONE


def _show_study(study: search.Study, *, as_json_line: bool) -> None:
    from search.reports.summary import describe

    summary = study.summary
    if as_json_line:
        print_json(summary)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(describe(summary))
    if best := study.describe_best(width=width):
        print(f"\n{best}")


def _show_trial(study: search.Study, number: int, *, as_json_line: bool) -> None:
    from search.reports.summary import describe_trial

    trial = study.trial(number)
    if as_json_line:
        print_json(trial)
    else:
        print(describe_trial(trial))


def _sync(options: argparse.Namespace) -> int:
    study = load(options).sync(say=partial(print, file=sys.stderr))
    print(f"{study.name} is in MLflow, whole: {study.config.tracking_uri}")
    return DONE


def _delete(options: argparse.Namespace) -> int:
    from search.record.record import open_record

    record = open_record(options.studies_dir, url=options.record)
    study = record.find(options.name)
    if options.yes or confirmed(study.name):
        record.delete(study)
        print(f"deleted {study.name}; its runs in MLflow stay")
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from rich.console import Console

    console, code = Console(highlight=False), DONE
    for finding in _findings(options):
        light = finding.light
        console.print(f"[{light}]{light:<7}[/] {finding.subject:<15} ", end="")
        console.print(finding.found, markup=False, soft_wrap=True)
        if light != "green" and finding.fix:
            console.print(f"        fix: {finding.fix}", markup=False, soft_wrap=True)
        code = FAILED if light == "red" else code
    return code


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    from search.checks.cluster_file import examine_cluster_file
    from search.checks.machine_checks import examine
    from search.tasks.registry import find_task
    from search.tracking.addresses import absolute

    if options.cluster_file is not None:
        return examine_cluster_file(options.cluster_file)
    return examine(
        find_task(options.task) if options.task else None,
        studies_dir=options.studies_dir,
        record=options.record,
        tracking_uri=absolute(options.tracking_uri),
        data_dir=options.data_dir,
        ray=True,
    )
