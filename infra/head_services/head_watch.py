"""Ends what runs here once Ray's head is gone."""

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

from head_services.private_files import write_private
from head_services.processes import end, lock_file
from head_services.settings import NAMES, RAY, RUN

RAY_STARTS_S, RAY_GONE_S = 300, 30  # how long Ray's head may take to come, and be away


def end_with_ray(name: str) -> int:
    """Watch Ray's head; once it has been and is gone, end the services, or Ray on a worker."""
    with lock_file(f"{name}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_private(RUN / f"{name}.pid", str(os.getpid()))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        host, _, port = RAY.rpartition(":")
        until = time.monotonic() + RAY_STARTS_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port)), 2).close()
                until = time.monotonic() + RAY_GONE_S  # it has come
            time.sleep(1)
        print(f"{time.strftime('%F %T')} no Ray head at {RAY}: all here ends", flush=True)
        if name == "worker":
            return subprocess.call([Path(sys.executable).with_name("ray"), "stop", "--force"])
        with lock_file("start.lock") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)  # a start would find what is about to end
            for service in reversed(NAMES):
                end(service)
    return 0
