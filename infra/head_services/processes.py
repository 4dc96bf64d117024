"""Which processes of a service live, and how they are started and stopped.

A service is a keeper process and, in a process group of its own, what the keeper starts. Two locks
show what lives, whatever is killed: NAME.keeper is the keeper's own, and NAME.lock is inherited, as
an open file, by everything that the keeper starts. A watch of Ray's head holds NAME.lock only.
"""

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

from head_services.settings import RUN_FOLDER, STATE, ServiceError

PROGRAM = Path(__file__).resolve().parents[1] / "services"
# A service that is asked to stop is killed after this.
STOP_S = 30
# A log that is larger is put aside when its service starts.
LOG_BYTES = 20 * 2**20


def start_in_background(name: str) -> None:
    """Start the keeper of a service, or a watch of Ray's head: `infra/services keep NAME`."""
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


def open_lock(name: str) -> IO[str]:
    """Open for reading, too: NFS gives no shared lock on a file that is open for writing only."""
    return (RUN_FOLDER / name).open("a+", encoding="utf-8")


def is_running(name: str) -> bool:
    """Whether any process of it lives."""
    return _is_held(f"{name}.lock")


def has_keeper(name: str) -> bool:
    return _is_held(f"{name}.keeper")


def stop_processes(name: str) -> None:
    """Stop the service and its keeper; ServiceError if a process stays."""
    for number, patience_s in ((signal.SIGINT, STOP_S + 5), (signal.SIGKILL, 10)):
        if not is_running(name):
            return
        for process_group in (RUN_FOLDER / f"{name}.pid").read_text(encoding="utf-8").split():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(process_group), number)
        deadline = time.monotonic() + patience_s
        while is_running(name) and time.monotonic() < deadline:
            time.sleep(0.1)
    if is_running(name):
        raise ServiceError(f"{name} does not end")


def _is_held(lock_name: str) -> bool:
    if not (RUN_FOLDER / lock_name).exists():
        return False
    with open_lock(lock_name) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
