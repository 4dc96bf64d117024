"""Deliver the record to MLflow, while the study runs or later (projection.py says what).

In a process of its own that only reads the record, so that a slow or dead server never costs
training.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa

from search.errors import TrackingError, UnreachableError
from search.files.paths import log_file
from search.files.text import escape_what_cannot_be_printed
from search.record.record import Record, Study, open_record
from search.tasks.registry import find_task
from search.tasks.task import Task
from search.tracking.addresses import check_server
from search.tracking.probe import impatient_client
from search.tracking.projection import REFUSED, Projection
from search.tracking.refusals import explained

__all__ = ["Follower", "follow", "refusals", "start", "sync", "why_behind"]

POLL_S = 5.0  # between two deliveries: each costs CPU time that could train
PATIENCE_S = 60.0  # how long delivery is tried on after the driver has ended
SYNC_PATIENCE_S = 20.0  # how long `sync` tries on while nothing gets through
SOON_S = 0.5  # where some got through before an error
_ALL = b"1"  # what a follower says when all is delivered
_NOT_DELIVERED, _AGAIN = "not delivered: ", "delivered again"


def start(record: Record, study: Study) -> Follower:
    """Follow the study in a process of its own. Ctrl-C does not reach it: it ends by itself."""
    log = log_file(record.study_folder(study.name), "tracking")
    log.parent.mkdir(parents=True, exist_ok=True)
    heard, told = os.pipe()
    command = [sys.executable, "-m", "search.tracking.delivery", str(record.folder), study.name]
    try:
        with log.open("ab") as file:
            process = subprocess.Popen(
                [*command, str(told)],
                env={**os.environ, "SEARCH_RECORD": record.url or ""},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                pass_fds=(told,),
            )
    finally:
        os.close(told)
    return Follower(process, os.fdopen(heard, "rb", buffering=0))


@dataclass
class Follower:
    """The process that delivers. It says when all is delivered, and then draws the study's page,
    which nobody has to wait for."""

    process: subprocess.Popen[bytes]
    heard: io.FileIO
    delivered: bool | None = None

    def wait(self, seconds: float) -> bool:
        """Whether all was delivered in that time. If not, it goes on in the background."""
        if self.delivered is None and select.select([self.heard], [], [], max(seconds, 0.0))[0]:
            # Nothing, where it has ended without a word.
            self.delivered = self.heard.read(1) == _ALL
        return bool(self.delivered)


def follow(record: Record, study: Study, task: Task, driver: int | None = None) -> bool:
    """Deliver as the study goes; return when it has ended and whether all was delivered.

    Begins at once: while Ray starts, cores wait, and to import MLflow and make its tables takes
    seconds. `driver`: the process that started this one.
    """
    with _delivery_lock(record, study):
        ended_at: float | None = None
        projection: Projection | None = None
        trouble, troubled = "", False
        while True:
            driven = _is_driven(record, study, driver)
            sent, lasting = projection.sent if projection else 0, False
            try:
                projection = projection or Projection(record, study, task, _log)
                if trouble:
                    projection.find_runs()
                projection.deliver()
                troubled = troubled or bool(trouble)
                trouble = _log_once(_AGAIN if trouble else "", trouble)
                if not driven:
                    if troubled:  # what was made late is there by now
                        projection.find_runs()
                    return True
            except Exception as error:  # whatever a server can answer
                told = explained(study.config.tracking_uri, error)
                lasting = isinstance(told, TrackingError)
                trouble = _log_once(f"{_NOT_DELIVERED}{told}", trouble)
            if not driven:
                ended_at = ended_at or time.monotonic()
                if time.monotonic() > ended_at + PATIENCE_S or lasting:
                    return False
            got_through = bool(trouble) and projection is not None and projection.sent > sent
            until = time.monotonic() + (SOON_S if got_through else POLL_S)
            while time.monotonic() < until and _is_driven(record, study, driver):
                time.sleep(0.2)


def why_behind(record: Record, study: Study) -> str:
    """The last reason why nothing was delivered; "" if there is none."""
    log = log_file(record.study_folder(study.name), "tracking")
    lines = log.read_text(errors="replace", encoding="utf-8").splitlines() if log.exists() else []
    outcomes = [line for line in lines if _NOT_DELIVERED in line or _AGAIN in line]
    return outcomes[-1].partition(_NOT_DELIVERED)[2] if outcomes else ""


def refusals(record: Record, study: Study) -> list[str]:
    """What MLflow has refused of the study, a line each."""
    log = log_file(record.study_folder(study.name), "tracking")
    lines = log.read_text(errors="replace", encoding="utf-8").splitlines() if log.exists() else []
    found = (line.partition(REFUSED)[1:] for line in lines if REFUSED in line)
    return list(dict.fromkeys("".join(parts) for parts in found))


def _log(line: str) -> None:
    print(f"{time.strftime('%F %T')} {line}", flush=True)


def _log_once(line: str, before: str) -> str:
    """Log it once, however often it happens; the line, if it says what is not delivered."""
    if line and line != before:
        _log(line)
    return line if line.startswith(_NOT_DELIVERED) else ""


def _is_driven(record: Record, study: Study, driver: int | None) -> bool:
    """Whether a driver works on the study. One whose record's server is away, or was just now
    and has not given its lock back, has recorded no end and lives."""
    try:
        if record.driven(study.name):
            return True
        if record.url is None:
            return False  # the lock is the kernel's, which knows
        session = record.history(study).last_session
        recorded_an_end = session is not None and session.event != "started"
    except UnreachableError:
        recorded_an_end = False
    return not recorded_an_end and os.getppid() == driver


def sync(
    record: Record,
    study: Study,
    task: Task,
    on_problem: Callable[[str], None] = lambda line: None,
) -> None:
    """Deliver all that is missing, now. `on_problem`: takes a line for each metric that MLflow
    refuses. Raises TrackingError."""
    check_server(study.config.tracking_uri)
    if record.driven(study.name) and not _nobody_delivers(record, study):
        behind = why_behind(record, study) or "it is up to date, or will be in seconds"
        raise TrackingError(f"the driver of {study.name} delivers while it works: {behind}")
    with _delivery_lock(record, study), impatient_client():
        _deliver_patiently(record, study, task, on_problem)


def _deliver_patiently(
    record: Record, study: Study, task: Task, on_problem: Callable[[str], None]
) -> None:
    """A server that errs now and then has all of it in the end."""
    projection: Projection | None = None
    sent, until = 0, time.monotonic() + SYNC_PATIENCE_S
    while True:
        try:
            if projection is None:
                projection = Projection(record, study, task, on_problem)
            else:
                projection.find_runs()
            projection.deliver()
            projection.attach()
            return
        except (sa.exc.SQLAlchemyError, _mlflow_error(), OSError, JSONDecodeError) as error:
            told = explained(study.config.tracking_uri, error)
            if projection is not None and projection.sent > sent:
                sent, until = projection.sent, time.monotonic() + SYNC_PATIENCE_S
            if isinstance(told, TrackingError) or time.monotonic() > until:
                raise TrackingError(f"not delivered: {told}") from error
        time.sleep(SOON_S)


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    error: type[Exception] = MlflowException
    return error


def _nobody_delivers(record: Record, study: Study) -> bool:
    """Whether nobody delivers the study now."""
    with _lock_file(record, study) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _lock_file(record: Record, study: Study) -> TextIO:
    folder = record.study_folder(study.name)
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "tracking.lock").open("a", encoding="utf-8")


@contextlib.contextmanager
def _delivery_lock(record: Record, study: Study) -> Iterator[None]:
    """One process at a time delivers a study; the next waits for it."""
    with _lock_file(record, study) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    driver = os.getppid()
    escape_what_cannot_be_printed("utf-8")
    os.nice(19)  # Ray runs workers at 15: training comes first
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    while True:
        try:
            record = open_record(Path(sys.argv[1]))
            study = record.study(sys.argv[2])
            break
        except UnreachableError as error:
            _log(f"not begun: {error}")
            if os.getppid() != driver:
                return 1
            time.sleep(POLL_S)
    task = find_task(study.config.task)
    with impatient_client():
        delivered = follow(record, study, task, driver)
        # A driver that was in a hurry has gone.
        with contextlib.suppress(BrokenPipeError), os.fdopen(int(sys.argv[3]), "wb") as told:
            told.write(_ALL if delivered else b"")
        if delivered:
            _attach(record, study, task)
    return 0 if delivered else 1


def _attach(record: Record, study: Study, task: Task) -> None:
    try:
        Projection(record, study, task).attach()
    except Exception as error:  # whatever a server can answer, or a user's objective raise
        _log(f"its page is not in MLflow: {explained(study.config.tracking_uri, error)}")


if __name__ == "__main__":
    _code = main()
    sys.stdout.flush()
    os._exit(_code)  # to tear down MLflow's modules takes a while, and the driver waits for it
