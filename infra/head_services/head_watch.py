"""Stops what runs here once Ray's head is gone: `ray down` knows nothing of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from head_services.keeper import SERVICES
from head_services.private_files import write_private
from head_services.processes import open_lock, stop_processes
from head_services.settings import RAY_HEAD, RUN_FOLDER

# The two watches: on the head it stops the services, on a worker Ray.
ON_HEAD, ON_WORKER = "ray", "worker"
# How long Ray's head may take to come, and how long it may be away.
HEAD_STARTS_S, HEAD_AWAY_S = 300, 30


def watch_head(watch: str) -> int:
    """Return the exit code once the head has gone, or has not come, and all here is stopped."""
    with open_lock(f"{watch}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_private(RUN_FOLDER / f"{watch}.pid", str(os.getpid()))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _wait_until_gone()
        print(f"{time.strftime('%F %T')} no Ray head at {RAY_HEAD}: all here ends", flush=True)
        if watch == ON_WORKER:
            return subprocess.call([Path(sys.executable).with_name("ray"), "stop", "--force"])
        with open_lock("start.lock") as one_at_a_time:
            # A `start` at this moment would find services that are about to end.
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            for service in reversed(SERVICES):
                stop_processes(service)
    return 0


def _wait_until_gone() -> None:
    host, _, port = RAY_HEAD.rpartition(":")
    deadline = time.monotonic() + HEAD_STARTS_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), 2).close()
            deadline = time.monotonic() + HEAD_AWAY_S
        time.sleep(1)
