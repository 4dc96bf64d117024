"""Drives a study in a child process, and resumes it if that process dies.

    python -m search.cli.supervise run TASK --name NAME …   |   resume NAME …   |   promote NAME …

Runs on a cluster's head as a Ray job. What died is known from the record: a driver that ended by
itself has said how. A promotion that died is started again: it repeats no finished run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from search.cli.common import DONE, FAILED
from search.cli.main import parse
from search.decisions.history import Session
from search.driver.stop import SUPERVISED, newest_request
from search.errors import ClusterError, RecordError, UnreachableError
from search.machines.capacity import request_capacity
from search.machines.cluster import connect
from search.machines.remote import ACCEPTED
from search.promotion.phases import phase_name
from search.record.record import open_record

__all__ = ["supervise"]

MOST_DEATHS = 5  # in a row, without a new epoch between them
PAUSE_S = 5.0  # before a driver is started again; longer each time
POLL_S = 1.0


def supervise(arguments: Sequence[str]) -> int:
    """The exit code of the driver that ended by itself; 1 if it dies again and again."""
    options = parse(arguments)
    if arguments[0] == "promote":
        return _promote(arguments, options)
    name, folder, url = options.name, options.studies_dir, options.record
    command, announced, deaths, epochs = list(arguments), False, 0, 0
    begun = time.monotonic()
    sessions, obeyed = _sessions(folder, url, name), _newest_request(folder, url, name)
    while True:
        driver = _start(command, obeyed)
        while driver.poll() is None:
            if not announced and _sessions(folder, url, name) > sessions:  # its own has begun
                print(f"{ACCEPTED}{name}", flush=True)
                announced = True
            time.sleep(POLL_S)
        code = driver.returncode
        if not announced and code >= 0:
            return code  # refused, or done in no time
        try:
            reached, last_word = _reached(folder, url, name)
        except RecordError as error:  # it died before it could put the study on record
            print(f"error: the driver of {name} died (exit code {code}): {error}", file=sys.stderr)
            return FAILED
        if code >= 0 and (last_word != "started" or _driven(folder, url, name)):
            return code  # it has ended by itself; another may be at work since
        deaths = 1 if reached > epochs else deaths + 1
        epochs = reached
        print(f"the driver of {name} died (exit code {code}) after {reached} epochs", flush=True)
        if deaths >= MOST_DEATHS:
            print(f"it died {deaths} times without an epoch between: given up", flush=True)
            _let_machines_go(options.address)
            return FAILED
        if _asked_to_stop_within(PAUSE_S * deaths, folder, url, [name], obeyed):
            _let_machines_go(options.address)
            return DONE
        command = _again(arguments, options, time.monotonic() - begun)


def _promote(arguments: Sequence[str], options: argparse.Namespace) -> int:
    folder, url = options.studies_dir, options.record
    phases = [phase_name(options.name, "confirm"), phase_name(options.name, "final")]
    deaths, epochs = 0, -1
    obeyed = _newest_request(folder, url, options.name)
    while deaths < MOST_DEATHS:
        code = _start(arguments, obeyed).wait()
        if code >= 0:
            return code
        print(f"the promotion of {options.name} died (exit code {code})", flush=True)
        reached = sum(_epochs(folder, url, phase) for phase in phases)
        deaths, epochs = (1 if reached > epochs else deaths + 1), reached
        family = [*phases, options.name]
        if _asked_to_stop_within(PAUSE_S * deaths, folder, url, family, obeyed):
            _let_machines_go(options.address)
            return DONE
    print(f"it died {deaths} times without an epoch between: given up", flush=True)
    _let_machines_go(options.address)
    return FAILED


def _start(command: Sequence[str], obeyed: int) -> subprocess.Popen[bytes]:
    """A driver. A request to stop that comes while it starts is for it, too."""
    environment = {**os.environ, SUPERVISED: str(obeyed)}
    return subprocess.Popen([sys.executable, "-m", "search", *command], env=environment)


def _newest_request(folder: Path, url: str | None, name: str) -> int:
    """0 where there is no such study yet, or its database is away."""
    try:
        record = open_record(folder, url=url)
        return newest_request(record, record.study(name))
    except RecordError:
        return 0


def _asked_to_stop_within(
    seconds: float, folder: Path, url: str | None, names: Sequence[str], obeyed: int
) -> bool:
    """Wait before a driver is started again, unless it is not to be."""
    ends = time.monotonic() + seconds
    while True:
        if any(_was_asked_to_stop(folder, url, name, obeyed) for name in names):
            return True
        if time.monotonic() >= ends:
            return False
        time.sleep(POLL_S)


def _epochs(folder: Path, url: str | None, name: str) -> int:
    """On record; 0 where there is no such study, or its database is away."""
    try:
        record = open_record(folder, url=url)
        return record.history(record.study(name)).epochs
    except RecordError:
        return 0


def _again(arguments: Sequence[str], options: argparse.Namespace, took_s: float) -> list[str]:
    """What goes on with the study: a resume with its own options, or one of the study that `run`
    has put on record."""
    command = list(arguments)
    if arguments[0] == "run":
        command = ["resume", options.name, "--quiet", "--studies-dir", str(options.studies_dir)]
        command += ["--record", options.record] if options.record else []
        command += ["--address", options.address] if options.address else []
    if options.time_budget is not None:  # what is left of it; the last one counts
        command += ["--time-budget", f"{max(options.time_budget - took_s, 1.0):.0f}"]
    return command


def _was_asked_to_stop(folder: Path, url: str | None, name: str, obeyed: int) -> bool:
    """Whether the driver that died had been asked, and would have; then it is on record that it
    has. `obeyed`: requests up to this one are not for it."""
    try:
        record = open_record(folder, url=url)
        study = record.study(name)
        if not record.requests.after([study], obeyed):
            return False
        history = record.history(study)
        session = history.last_session
        if session is not None and session.event == "started":
            details = {"why": "asked to stop"}
            stopped = Session(event="stopped", trials=history.length, details=details)
            with record.driver_lock(name):
                record.append(study, stopped)
    except RecordError:  # the next driver will know
        return False
    return True


def _driven(folder: Path, url: str | None, name: str) -> bool:
    try:
        record = open_record(folder, url=url)
        record.study(name)
        return record.driven(name)
    except RecordError:  # not there yet, or its database is away
        return False


def _sessions(folder: Path, url: str | None, name: str) -> int:
    """How many drivers have begun with the study. Not by its lock: that may be another's."""
    try:
        record = open_record(folder, url=url)
        return record.sessions(record.study(name))
    except RecordError:  # not there yet, or its database is away
        return 0


def _let_machines_go(address: str | None) -> None:
    """What a driver has asked of the autoscaler outlives it, and is paid for."""
    if address is not None:
        with contextlib.suppress(ClusterError):
            connect(address)
            request_capacity([])


def _reached(folder: Path, url: str | None, name: str) -> tuple[int, str]:
    """Epochs on record, and the last session's event. Waits for a database that is away.

    Raises RecordError."""
    while True:
        try:
            record = open_record(folder, url=url)
            history = record.history(record.study(name))
        except UnreachableError as error:
            print(f"waiting for the record: {error}", flush=True)
            time.sleep(PAUSE_S)
            continue
        session = history.last_session
        return history.epochs, session.event if session else "started"


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
