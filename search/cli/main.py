"""The command line: parse, make one call, print. Each command lives in a module beside this one.

Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted. A defect of ours shows its traceback: 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import search
from search.cli import archives, clusters, experiments, models, pages, reports, studies, views
from search.cli.common import BAD_INPUT, DONE, FAILED, INTERRUPTED, env_default
from search.cli.streams import json_alone, leave_pipe, lenient
from search.ctrl_c import Interrupted
from search.errors import DISK_FULL, UserError, can_be_put_right, first_line
from search.files.addresses import without_secrets
from search.files.text import escape_what_cannot_be_printed
from search.files.typed import typed_path

__all__ = ["main", "parse"]

# Commands that train, and go on though whoever reads what they say has gone.
DRIVING = ("run", "resume", "promote", "ablate", "reproduce")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    typed = sys.argv[1:] if arguments is None else arguments
    escape_what_cannot_be_printed()
    try:
        options = parse(typed)
        if getattr(options, "cluster", None) is not None:
            return clusters.run_on_cluster(options, typed)
        code = _do(options, drives=bool(typed) and typed[0] in DRIVING)
        _write_out()
        return code
    except BaseException as error:  # what a user's own code raises may be any
        if isinstance(error, BrokenPipeError) and leave_pipe():
            return DONE
        why = _why(error)
        if why is None and isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        if why is None:
            raise
        with contextlib.suppress(OSError):  # nobody can be told
            print(f"error: {why}", file=sys.stderr)
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        return FAILED if full else BAD_INPUT


def _do(options: argparse.Namespace, *, drives: bool) -> int:
    with contextlib.ExitStack() as around:
        if getattr(options, "json", False):
            around.enter_context(json_alone())
        if drives:
            around.enter_context(lenient())
        code: int = options.command(options)
        return code


def _write_out() -> None:
    """What a command has said and Python still holds. Raises OSError where the disk is full; that
    whoever reads it may have gone is no error."""
    try:
        sys.stdout.flush()
    except ValueError:
        # It is closed.
        return
    except OSError as error:
        if error.errno in DISK_FULL:
            raise


def _why(error: BaseException) -> str | None:
    """What a user can put right, in one line: of what was asked for, of the machine, of their own
    code. None: a defect of ours, whose traceback is needed, or a signal."""
    if can_be_put_right(error):
        return without_secrets(first_line(error))
    if isinstance(error, Interrupted) or (isinstance(error, SystemExit) and not error.code):
        return None
    from search.tasks.user_code import place_of, with_place

    return f"your code raises {without_secrets(with_place(error))}" if place_of(error) else None


def parse(typed: Sequence[str]) -> argparse.Namespace:
    """What was typed, by the command's own options. Raises UserError, SystemExit."""
    parser, commands = _parsers()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    for text in typed:
        if text.startswith("--") and text.endswith("=--") and text.count("=") == 1:
            # argparse would make a list of it.
            raise UserError(f"{text}: a value is needed")
    if typed and typed[0] in commands:
        # Arguments and options in any order: argparse does that for a command's parser alone.
        return commands[typed[0]].parse_intermixed_args(typed[1:])
    return parser.parse_args(typed)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = "\\n".join(message.splitlines())
        known = ", ".join(sorted(o for o in self._option_string_actions if o.startswith("--")))
        message = without_secrets(message)
        self.exit(BAD_INPUT, f"error: {message}; `{self.prog}` knows: {known}\n")


def _parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The whole command line, and each command's own parser by its name."""
    parser = _Parser(
        prog="python -m search",
        description="Distributed hyperparameter search: Optuna proposes, Ray Tune runs, "
        "ASHA stops, MLflow shows.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"search {search.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (studies, views, pages, reports, experiments, models, archives, clusters):
        module.add_commands(partial(_command, commands))
    return parser, commands.choices


def _command(commands: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, allow_abbrev=False
    )
    parser.set_defaults(command=function, parser=parser)
    if name != "completion":
        parser.add_argument(
            "--studies-dir",
            type=typed_path,
            default=env_default("STUDIES_DIR", "studies"),
            help="where studies are kept (./studies)",
        )
        parser.add_argument(
            "--record",
            metavar="URL",
            default=env_default("RECORD"),
            help="the record's PostgreSQL database (a file of the studies folder)",
        )
    if name in clusters.ELSEWHERE_TOO:
        parser.add_argument(
            "--cluster",
            metavar="URL",
            default=None if name in clusters.FILES else env_default("CLUSTER"),
            help="do it on the head of this cluster, as http://127.0.0.1:8265",
        )
    return parser
