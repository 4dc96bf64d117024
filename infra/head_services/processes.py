"""What runs of a service: locks and process groups."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from head_services.settings import RUN, STATE, ServiceError

STOP_S = 30  # then it is killed
LOG_BYTES = 20 * 2**20  # a log larger than this is put aside when its service starts
PROGRAM = Path(__file__).resolve().parents[1] / "services"


def run_keeper(name: str) -> None:
    log = STATE / "logs" / f"{name}.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.rename(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    subprocess.Popen(
        [sys.executable, PROGRAM, "keep", name],
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=descriptor,
        start_new_session=True,
        cwd="/",
    )
    os.close(descriptor)


def lock_file(name: str) -> IO[str]:
    """Open for reading, too: NFS gives no shared lock on a file that is open for writing only."""
    return (RUN / name).open("a+")


def held(name: str, what: str = "lock") -> bool:
    """Whether any process of the service lives; with "keeper", whether its keeper does."""
    if not (RUN / f"{name}.{what}").exists():
        return False
    with lock_file(f"{name}.{what}") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def end(name: str) -> None:
    """End the service and its keeper; raises ServiceError if a process stays."""
    for number, patience_s in ((signal.SIGINT, STOP_S + 5), (signal.SIGKILL, 10)):
        if not held(name):
            return
        for process_group in (RUN / f"{name}.pid").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(process_group), number)
        until = time.monotonic() + patience_s
        while held(name) and time.monotonic() < until:
            time.sleep(0.1)
    if held(name):
        raise ServiceError(f"{name} does not end")
