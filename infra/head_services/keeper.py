"""The services, and the process that keeps one of them alive."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from head_services import mlflow_server, postgres
from head_services.private_files import write_private
from head_services.processes import (
    STOP_S,
    has_keeper,
    open_lock,
    start_in_background,
    stop_processes,
)
from head_services.settings import RUN_FOLDER, STATE, ServiceError


@dataclass(frozen=True, kw_only=True)
class Service:
    command: Callable[[], dict[str, Any]]
    problem: Callable[[], str]
    # Until it answers.
    start_s: float
    # Environment variables, by how they begin, that decide how it runs.
    variables: tuple[str, ...] = ()


# In the order of starting: MLflow's database is in PostgreSQL, and it makes its tables first.
SERVICES = {
    "postgres": Service(command=postgres.command, problem=postgres.problem, start_s=60),
    "mlflow": Service(
        command=mlflow_server.command,
        problem=mlflow_server.problem,
        start_s=120,
        variables=("AWS_", "MLFLOW_"),
    ),
}
# Until a keeper that was started holds its lock.
KEEPER_S = 5
# Waits before what ended is started again; what ran for STEADY_S begins with the shortest again.
BACKOFF_S = (1, 2, 4, 8, 16, 30)
STEADY_S = 60


def keep(name: str) -> int:
    """Run the service, and again when it ends, until SIGINT or SIGTERM; the exit code."""
    with open_lock(f"{name}.keeper") as own, open_lock(f"{name}.lock") as inherited:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(inherited, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 1
        stopping = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stopping.set())
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        restarts = 0
        while not stopping.is_set():
            started = time.monotonic()
            code = _run_once(name, inherited.fileno(), stopping)
            if stopping.is_set():
                break
            restarts = 0 if time.monotonic() - started > STEADY_S else restarts
            wait_s = BACKOFF_S[min(restarts, len(BACKOFF_S) - 1)]
            restarts += 1
            now = time.strftime("%F %T")
            print(f"{now} {name} ended with {code}; started again in {wait_s} s", flush=True)
            stopping.wait(wait_s)
    return 0


def _run_once(name: str, lock: int, stopping: threading.Event) -> int:
    """Run the service until it ends or is to stop; its exit code."""
    service = subprocess.Popen(pass_fds=[lock], process_group=0, **SERVICES[name].command())
    write_private(RUN_FOLDER / f"{name}.pid", f"{os.getpid()} {service.pid}")
    write_private(RUN_FOLDER / f"{name}.started", fingerprint(name))
    while service.poll() is None and not stopping.wait(0.2):
        pass
    with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGINT)
            service.wait(STOP_S)
    # Also what its main process has left if that one died.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(service.pid, signal.SIGKILL)
    return service.wait()


def ensure_kept(name: str) -> None:
    """Start the service unless it runs as it is asked for now; return once it answers."""
    if not has_keeper(name) or _running_fingerprint(name) != fingerprint(name):
        # What a killed keeper has left, or what was asked for before.
        stop_processes(name)
        start_in_background(name)
    start_s, problem = SERVICES[name].start_s, SERVICES[name].problem
    deadline = time.monotonic() + start_s
    keeper_deadline = time.monotonic() + KEEPER_S
    while reason := problem():
        if time.monotonic() > deadline:
            log = STATE / "logs" / f"{name}.log"
            raise ServiceError(f"{name} {reason} after {start_s} s; its log: {log}")
        # The keeper that was found above may have been about to end.
        if time.monotonic() > keeper_deadline and not has_keeper(name):
            stop_processes(name)
            start_in_background(name)
            keeper_deadline = time.monotonic() + KEEPER_S
        time.sleep(0.2)


def fingerprint(name: str) -> str:
    """Of all that decides how the service runs: its command, its settings, what is installed."""
    service = SERVICES[name]
    command = service.command()
    settings = sorted((k, v) for k, v in command["env"].items() if k.startswith(service.variables))
    # Written by infra/install.
    installed = Path(sys.prefix, "installed")
    versions = installed.read_text(encoding="utf-8") if installed.exists() else ""
    return hashlib.sha256(repr((command["args"], settings, versions)).encode()).hexdigest()


def _running_fingerprint(name: str) -> str:
    started = RUN_FOLDER / f"{name}.started"
    return started.read_text(encoding="utf-8") if started.exists() else ""
