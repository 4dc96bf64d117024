"""Planned comparisons: ablate. Heavy imports happen inside the commands."""

from __future__ import annotations

import argparse
from functools import partial

from search.cli.common import (
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

__all__ = ["add_commands"]


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


def _ablate(options: argparse.Namespace) -> int:
    from search.experiments.effects import describe

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
