"""What the commands share: exit codes, and small ways of reading and printing."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import search
from search.cli.streams import print_json_line
from search.errors import EndedEarly, UserError
from search.files.defaults import default_studies_dir, default_tracking_uri
from search.files.typed import typed_option

__all__ = [
    "BAD_INPUT",
    "DEFAULT_URI",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "AddCommand",
    "add_address",
    "add_stores",
    "agreed",
    "as_json",
    "complete_study",
    "confirmed",
    "ended_early",
    "env_default",
    "load",
    "option",
    "print_json",
    "say",
    "seconds",
    "where",
]

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
DEFAULT_URI = default_tracking_uri()
# Name, function, help → the command's parser.
AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def say(options: argparse.Namespace, text: str) -> None:
    """To a person: on stdout, unless that is to hold JSON."""
    if not options.quiet:
        print(text, file=sys.stderr if options.json else sys.stdout, flush=True)


def as_json(value: Any) -> str:
    """One line; a number that is not known, NaN, is null."""
    return json.dumps(_known(value), allow_nan=False)


def print_json(value: Any) -> None:
    """To stdout, which a command's JSON has to itself."""
    print_json_line(as_json(value))


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_known(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def confirmed(name: str) -> bool:
    """Whether a user wants a study deleted."""
    return agreed(f"delete study {name}, its record and its folder?", otherwise="kept")


def agreed(question: str, *, otherwise: str) -> bool:
    """What a user answers; `otherwise` tells one who does not say yes what has become of it."""
    print(f"{question} [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print(otherwise)
    return False


def option(value: Any, default: Any, name: str) -> str:
    """How the option must be repeated in a command that a user is told to type, or to paste."""
    return "" if value == default else f" {typed_option(name, value)}"


def add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        default=env_default("ADDRESS"),
        help="a Ray cluster that this machine is part of (a Ray of our own)",
    )


def add_stores(parser: argparse.ArgumentParser) -> None:
    """Where a study's runs and files are kept beside its record."""
    parser.add_argument("--tracking-uri", default=DEFAULT_URI, help="the MLflow store")
    parser.add_argument(
        "--storage",
        default=env_default("STORAGE"),
        metavar="FOLDER|s3://…",
        help="where all nodes keep checkpoints ($SEARCH_STORAGE; the studies folder)",
    )


def where(options: argparse.Namespace) -> str:
    """The options that say where the record is, as they must be repeated here."""
    return option(options.studies_dir, default_studies_dir(), "--studies-dir") + option(
        options.record, env_default("RECORD"), "--record"
    )


def env_default(name: str, default: str | None = None) -> str | None:
    """An option's default: `$SEARCH_NAME`, which a cluster's head sets for all its commands."""
    return os.environ.get(f"SEARCH_{name}") or default


def ended_early(
    options: argparse.Namespace, error: EndedEarly | KeyboardInterrupt, again: str
) -> int:
    """Tell why, and the command that goes on; the exit code. Raises what ended nothing."""
    early = error if isinstance(error, EndedEarly) else error.__cause__
    if not isinstance(early, EndedEarly):
        raise error
    code = {"stopped": DONE, "failed": FAILED, "interrupted": INTERRUPTED}[early.outcome]
    print(f"{'error: ' if code == FAILED else ''}{early}", file=sys.stderr)
    say(options, f"go on with it:    python -m search {again}{where(options)}")
    return code


def seconds(text: str) -> float:
    """A time as a user writes it: 90, 90s, 10m, 8h, 2d."""
    number, unit = (text[:-1], text[-1]) if text.endswith(tuple("smhd")) else (text, "s")
    try:
        seconds = float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    except (ValueError, KeyError):
        seconds = -1.0
    if not 0 < seconds <= 1e9:
        raise argparse.ArgumentTypeError(
            f"a time is a number above 0 with s, m, h or d, at most 1e9 s; got {text!r}"
        )
    return seconds


def load(options: argparse.Namespace, name: str | None = None) -> search.Study:
    """The study that a command names, from the record that its options name."""
    return search.load(name or options.name, studies_dir=options.studies_dir, record=options.record)


def complete_study(argument: argparse.Action) -> None:
    """Let the shell complete the name of a study."""
    argument.completer = _study_names  # type: ignore[attr-defined]


def _study_names(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from search.record.record import open_record

    try:
        record = open_record(Path(parsed_args.studies_dir), url=parsed_args.record)
        return [study.name for study in record.studies() if study.name.startswith(prefix)]
    except UserError:
        return []
