"""Planned comparisons: ablate, reproduce. Heavy imports happen inside the commands."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search.cli.common import (
    DEFAULT_URI,
    DONE,
    AddCommand,
    add_address,
    agreed,
    complete_study,
    ended_early,
    load,
    option,
    print_json,
    say,
)
from search.errors import EndedEarly
from search.files.typed import typed_path

if TYPE_CHECKING:
    from search.experiments.reproduce import Reproduction
    from search.record.record import Record

__all__ = ["add_commands"]

SEEDS = 3  # of each row of a table


def add_commands(command: AddCommand) -> None:
    """`command(name, function, help)` adds one and gives its parser."""
    ablate = command("ablate", _ablate, "tell which of the winner's hyperparameters matter")
    complete_study(ablate.add_argument("name", metavar="NAME"))
    ablate.add_argument("--seeds", type=int, default=3, help="fresh ones of each run (3)")
    ablate.add_argument(
        "--against",
        metavar="POINT",
        help="the named point to compare with (the task's first), or default",
    )
    add_address(ablate)
    ablate.add_argument("--quiet", action="store_true", help="print the table only")
    ablate.add_argument("--json", action="store_true", help="the table, last line of stdout")
    _add_reproduce(command("reproduce", _reproduce, "train tables of the course report anew"))


def _add_reproduce(reproduce: argparse.ArgumentParser) -> None:
    reproduce.add_argument(
        "table", metavar="TABLE", help="table1, table2, table3, table4 …, figures, or all"
    )
    reproduce.add_argument("--seeds", type=int, default=SEEDS, help=f"of each row ({SEEDS})")
    reproduce.add_argument("--epochs", type=int, help="fewer than the table's, to try it")
    reproduce.add_argument("--train-examples", type=int, help="fewer than all, to try it")
    reproduce.add_argument("--dataset", help="another than the report's, to try it")
    reproduce.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    reproduce.add_argument("--workers", type=int, help="trials at a time (all cores or GPUs)")
    reproduce.add_argument("--gpus-per-trial", type=float, default=0.0, help="GPUs, or a share (0)")
    reproduce.add_argument("--tracking-uri", default=DEFAULT_URI, help="the MLflow store")
    add_address(reproduce)
    reproduce.add_argument(
        "--output", type=typed_path, default=Path("figures"), help="folder of figures (figures)"
    )
    reproduce.add_argument("--yes", action="store_true", help="though it takes hours")
    reproduce.add_argument("--markdown", action="store_true", help="print tables as Markdown")
    reproduce.add_argument("--quiet", action="store_true", help="print tables only")
    reproduce.add_argument("--json", action="store_true", help="the tables, last line of stdout")


def _reproduce(options: argparse.Namespace) -> int:
    if options.table == "figures":
        return _figures(options)
    code = _tables(options)
    if options.table != "all" or code != DONE:
        return code
    return _figures(options)


def _tables(options: argparse.Namespace) -> int:
    from search.experiments.reproduce import find_table
    from search.experiments.tables import as_markdown, as_text
    from spaces.report import TABLES

    names = list(TABLES) if options.table == "all" else [options.table]
    for name in names:
        find_table(name)
    found = []
    for name in names:
        if not _wanted(options, name):
            continue
        try:
            found.append(_table(options, name))
        except (EndedEarly, KeyboardInterrupt) as error:
            return ended_early(options, error, f"reproduce {options.table}{_size(options)}")
        if not options.json:
            print(as_markdown(found[-1]) if options.markdown else as_text(found[-1]))
    if options.json and found:
        tables = [table.as_dict() for table in found]
        print_json(tables if options.table == "all" else tables[0])
    return DONE


def _table(options: argparse.Namespace, name: str) -> Reproduction:
    from search.experiments.reproduce import find_table, reproduce

    fewer = options.table != "all" or find_table(name).fewer_examples
    return reproduce(
        _record(options),
        name,
        seeds=options.seeds,
        epochs=options.epochs,
        train_examples=options.train_examples if fewer else None,
        dataset=options.dataset,
        data_dir=options.data_dir,
        tracking_uri=options.tracking_uri,
        workers=options.workers,
        gpus_per_trial=options.gpus_per_trial,
        address=options.address,
        quiet=options.quiet,
        say=partial(say, options),
    )


def _figures(options: argparse.Namespace) -> int:
    from search.experiments.figures.write import write_figures

    written = write_figures(
        _record(options), options.output, _size(options), say=partial(say, options)
    )
    if not options.json:
        drawn = len(written) // 2
        print(f"{drawn} of 9 figures as PNG and SVG; with their captions: {written[-1]}")
    elif options.table == "figures":
        print_json([str(path) for path in written])
    return DONE


def _record(options: argparse.Namespace) -> Record:
    from search.record.record import open_record

    return open_record(options.studies_dir, url=options.record, create=True)


def _wanted(options: argparse.Namespace, name: str) -> bool:
    """Whether a user wants what takes a core hours, and is not on record yet."""
    from search.experiments.reproduce import core_hours, find_table, study_name

    hours = core_hours(
        find_table(name),
        seeds=options.seeds,
        epochs=options.epochs,
        train_examples=options.train_examples,
    )
    if not hours or options.gpus_per_trial or options.yes:
        return True
    if study_name(name) in _record(options).names():
        return True
    took = f"{hours:.0f} hours" if hours >= 2 else f"{60 * hours:.0f} minutes"
    return agreed(
        f"{name} trains ResNet-18 for about {took} of a core; a GPU (--gpus-per-trial 1) takes "
        "minutes. Train it here?",
        otherwise="not begun",
    )


def _size(options: argparse.Namespace) -> str:
    """The options that make a table what it is, as they must be repeated."""
    return (
        option(options.seeds, SEEDS, "--seeds")
        + option(options.epochs, None, "--epochs")
        + option(options.train_examples, None, "--train-examples")
        + option(options.dataset, None, "--dataset")
    )


def _ablate(options: argparse.Namespace) -> int:
    from search.reports.ablation import describe

    try:
        ablation = load(options).ablate(
            seeds=options.seeds,
            against=options.against,
            address=options.address,
            quiet=options.quiet,
            say=partial(say, options),
        )
    except (EndedEarly, KeyboardInterrupt) as error:
        return ended_early(options, error, f"ablate {options.name}")
    if options.json:
        print_json(ablation.as_dict())
    else:
        print(describe(ablation))
    return DONE
