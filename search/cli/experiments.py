"""Planned comparisons: ablate, reproduce. Heavy imports happen inside the commands."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from search.cli.common import (
    DEFAULT_URI,
    DONE,
    AddCommand,
    add_address,
    complete_study,
    ended_early,
    load,
    print_json,
    say,
)
from search.errors import EndedEarly
from search.files.typed import typed_path

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
    reproduce = command("reproduce", _reproduce, "train a table of the course report anew")
    reproduce.add_argument("table", metavar="TABLE", help="table4, or figures: draw its figures")
    reproduce.add_argument("--seeds", type=int, default=SEEDS, help=f"of each row ({SEEDS})")
    reproduce.add_argument("--epochs", type=int, help="fewer than the table's, to try it")
    reproduce.add_argument("--dataset", help="another than the report's, to try it")
    reproduce.add_argument("--data-dir", type=typed_path, help="the only place to take data from")
    reproduce.add_argument("--workers", type=int, help="trials at a time (all cores or GPUs)")
    reproduce.add_argument("--tracking-uri", default=DEFAULT_URI, help="the MLflow store")
    add_address(reproduce)
    reproduce.add_argument(
        "--output", type=typed_path, default=Path("figures"), help="folder of figures (figures)"
    )
    reproduce.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    reproduce.add_argument("--quiet", action="store_true", help="print the table only")
    reproduce.add_argument("--json", action="store_true", help="the table, last line of stdout")


def _reproduce(options: argparse.Namespace) -> int:
    return _figures(options) if options.table == "figures" else _table(options)


def _figures(options: argparse.Namespace) -> int:
    from search.experiments.figures.write import write_figures
    from search.record.record import open_record

    asked = "" if options.seeds == SEEDS else f" --seeds {options.seeds}"
    asked += "" if options.epochs is None else f" --epochs {options.epochs}"
    record = open_record(options.studies_dir, url=options.record, create=True)
    written = write_figures(record, options.output, asked, say=partial(say, options))
    if options.json:
        print_json([str(path) for path in written])
    else:
        drawn = len(written) // 2
        print(f"{drawn} of 9 figures as PNG and SVG; with their captions: {written[-1]}")
    return DONE


def _table(options: argparse.Namespace) -> int:
    from search.experiments.reproduce import reproduce
    from search.experiments.tables import as_markdown, as_text
    from search.record.record import open_record

    try:
        found = reproduce(
            open_record(options.studies_dir, url=options.record, create=True),
            options.table,
            seeds=options.seeds,
            epochs=options.epochs,
            dataset=options.dataset,
            data_dir=options.data_dir,
            tracking_uri=options.tracking_uri,
            workers=options.workers,
            address=options.address,
            quiet=options.quiet,
            say=partial(say, options),
        )
    except (EndedEarly, KeyboardInterrupt) as error:
        return ended_early(options, error, f"reproduce {options.table}")
    if options.json:
        print_json(found.as_dict())
    else:
        print(as_markdown(found) if options.markdown else as_text(found))
    return DONE


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
