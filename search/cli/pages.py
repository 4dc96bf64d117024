"""The command that shows studies in the browser: ui."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from search.cli.common import DEFAULT_URI, DONE, AddCommand, complete_study, load

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add it to the command line."""
    ui = command("ui", _ui, "look at a study, or all, in the browser (MLflow)")
    complete_study(ui.add_argument("name", metavar="NAME", nargs="?", help="open its page"))
    ui.add_argument("--tracking-uri", help="the MLflow store (the study's, or mlflow.db here)")
    ui.add_argument("--port", type=int, default=5000, help="on 127.0.0.1 (5000)")
    ui.add_argument("--no-open", action="store_true", help="print the address only")


def _ui(options: argparse.Namespace) -> int:
    from search.tracking.addresses import absolute, check_server
    from search.tracking.page import has_browser, open_when_there, server_command

    study = load(options) if options.name else None
    own = study.config.tracking_uri if study else DEFAULT_URI
    uri = absolute(options.tracking_uri or own)
    command = server_command(uri, options.port)
    check_server(uri)
    pages = study.pages(uri) if study else None
    is_server = uri.startswith(("http://", "https://"))
    server = uri.rstrip("/") if is_server else f"http://127.0.0.1:{options.port}"
    if pages and study:
        print(f"study {study.name}: {server}{pages.study}")
        print(f"its trials, best first: {server}{pages.trials}", flush=True)
    page, opens = pages.study if pages else "", not options.no_open and has_browser()
    if is_server:
        print(f"MLflow: {server}", flush=True)
        if opens:
            open_when_there(server, page)
        return DONE
    if opens:
        waiting = [sys.executable, "-m", "search.tracking.page", server, page]
        subprocess.Popen(waiting, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    os.execv(sys.executable, command)
