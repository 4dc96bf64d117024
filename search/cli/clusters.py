"""`submit`, and the other commands' `--cluster`: the same command line, run on a cluster's head."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from search.cli.common import DONE, AddCommand, confirmed, env_default
from search.cli.study_options import add_run_options
from search.errors import UserError

__all__ = ["ELSEWHERE_TOO", "FILES", "add_commands", "run_on_cluster"]

FILES = ("export", "import")  # with --cluster of a file on the head; never by $SEARCH_CLUSTER alone
ELSEWHERE_TOO = ("list", "show", "stop", "resume", "promote", "sync", "delete", *FILES)
TUNNELLED = "http://127.0.0.1:8265"  # where `ray dashboard` and `ssh -L` put a head's job server


def add_commands(command: AddCommand) -> None:
    """Add it to the command line."""
    submit = command("submit", _unreachable, "hand a study of TASK to a cluster, and return")
    add_run_options(submit)
    submit.add_argument(
        "--cluster",
        metavar="URL",
        default=env_default("CLUSTER", TUNNELLED),
        help=f"the head's job server ({TUNNELLED}, a tunnel's end)",
    )


def run_on_cluster(options: argparse.Namespace, typed: Sequence[str]) -> int:
    """Run what was typed on the head; its exit code. What drives a study is left running there."""
    from search.driver.submit import new_name
    from search.machines.remote import SUPERVISOR, run_on_head, start_on_head

    if getattr(options, "notify", None):
        raise UserError(
            "--notify is not handed to a cluster, whose job server would keep and show its address"
        )
    command, *arguments = _without_cluster(typed)
    if command == "submit":
        name = options.name or new_name(options.task)
        named = arguments if options.name else [*arguments, "--name", name]
        return start_on_head(options.cluster, ["run", *named], name)
    if command == "delete" and not options.yes:
        if not confirmed(options.name):  # asked here: a job there has nobody to ask
            return DONE
        arguments.append("--yes")
    if command == "resume":
        return start_on_head(options.cluster, [command, *arguments], options.name)
    if command == "promote":
        return run_on_head(options.cluster, [command, *arguments], SUPERVISOR)
    return run_on_head(options.cluster, [command, *arguments])


def _without_cluster(typed: Sequence[str]) -> list[str]:
    kept, skip = [], False
    for text in typed:
        if skip or text == "--cluster" or text.startswith("--cluster="):
            skip = text == "--cluster" and not skip
            continue
        kept.append(text)
    return kept


def _unreachable(options: argparse.Namespace) -> int:
    raise AssertionError("submit always runs on a cluster")
