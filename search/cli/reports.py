"""The commands that write pages to look at: report, compare."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

import search
from search.cli.common import DONE, AddCommand, complete_study, load
from search.files.typed import typed_path

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    report = command("report", _report, "write a study's page: charts and what they say")
    complete_study(report.add_argument("name", metavar="NAME"))
    _writing(report, "NAME.html")

    compare = command("compare", _compare, "write one page on several studies")
    complete_study(compare.add_argument("names", metavar="NAME", nargs="+"))
    _writing(compare, "compared.html")


def _writing(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--output", type=typed_path, metavar="FILE", help=f"the page ({default})")
    parser.add_argument("--open", action="store_true", help="show it in the browser")


def _report(options: argparse.Namespace) -> int:
    study = load(options)
    return _written(study.report(options.output or Path(f"{study.name}.html")), options)


def _compare(options: argparse.Namespace) -> int:
    where = {"studies_dir": options.studies_dir, "record": options.record}
    path = search.compare(*options.names, path=options.output or "compared.html", **where)
    return _written(path, options)


def _written(path: Path, options: argparse.Namespace) -> int:
    print(path)
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return DONE
