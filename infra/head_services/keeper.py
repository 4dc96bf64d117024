"""The process that keeps a service alive."""

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
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from head_services.passwords import secret
from head_services.postgres import as_postgres, last_line, postgres_program, without_pg_variables
from head_services.private_files import write_private
from head_services.processes import STOP_S, end, held, lock_file, run_keeper
from head_services.settings import (
    ARTIFACTS,
    RECORD,
    RUN,
    STATE,
    TRACKING,
    ServiceError,
    mlflow_database,
)

START_S = {"postgres": 60, "mlflow": 120}  # until it answers; MLflow makes its tables first
KEEPER_S = 5  # until a keeper holds its lock
BACKOFF_S = (1, 2, 4, 8, 16, 30)  # before the next start of what died
STEADY_S = 60  # what lived so long begins with the shortest wait again


def keep(name: str) -> int:
    """Run the service, and again when it dies, until SIGINT."""
    with lock_file(f"{name}.keeper") as mine, lock_file(f"{name}.lock") as inherited:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(inherited, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 1
        stopping = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stopping.set())
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        died = 0
        while not stopping.is_set():
            started = time.monotonic()
            service = subprocess.Popen(
                pass_fds=[inherited.fileno()], process_group=0, **command(name)
            )
            write_private(RUN / f"{name}.pid", f"{os.getpid()} {service.pid}")
            write_private(RUN / f"{name}.started", fingerprint(name))
            while service.poll() is None and not stopping.wait(0.2):
                pass
            code = finish(service)
            if stopping.is_set():
                break
            died = 0 if time.monotonic() - started > STEADY_S else died
            wait_s = BACKOFF_S[min(died, len(BACKOFF_S) - 1)]
            died += 1
            now = time.strftime("%F %T")
            print(f"{now} {name} ended with {code}; started again in {wait_s} s", flush=True)
            stopping.wait(wait_s)
    return 0


def finish(service: subprocess.Popen[bytes]) -> int:
    """End the service, and what its main process has left if it died; its exit code."""
    with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGINT)
            service.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(service.pid, signal.SIGKILL)
    return service.wait()


def command(name: str) -> dict[str, Any]:
    """How the service is started: arguments of Popen."""
    if name == "postgres":
        data = STATE / "postgres"
        arguments = [
            *(postgres_program("postgres"), "-D", str(data)),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={RECORD.port}"),
            *("-c", f"unix_socket_directories={data}"),
        ]
        return {"args": arguments, **as_postgres()}
    arguments = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"),
        *("--host", "127.0.0.1", "--port", str(TRACKING.port), "--workers", "1"),
        *("--allowed-hosts", "127.0.0.1:*,localhost:*"),
        *("--backend-store-uri", mlflow_database()),
        *("--artifacts-destination", ARTIFACTS),
        *("--uvicorn-opts", "--log-level warning"),
    ]
    environment = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(STATE / "secrets" / "mlflow.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret("flask"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # else ten processes of 240 MB
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return {"args": arguments, "env": environment}


def fingerprint(name: str) -> str:
    """Of all that decides how the service runs: its command, its settings, what is installed."""
    how = command(name)
    prefixes = ("AWS_", "MLFLOW_") if name == "mlflow" else ()
    settings = sorted((k, v) for k, v in how["env"].items() if k.startswith(prefixes))
    installed = Path(sys.prefix, "installed")  # by infra/install
    versions = installed.read_text() if installed.exists() else ""
    return hashlib.sha256(repr((how["args"], settings, versions)).encode()).hexdigest()


def started_with(name: str) -> str:
    started = RUN / f"{name}.started"
    return started.read_text() if started.exists() else ""


def wait_for(name: str) -> None:
    """Until the service answers. A keeper found at its end is followed by another."""
    until = time.monotonic() + START_S[name]
    kept_by = time.monotonic() + KEEPER_S
    while reason := answers(name):
        if time.monotonic() > until:
            log = STATE / "logs" / f"{name}.log"
            raise ServiceError(f"{name} {reason} after {START_S[name]} s; its log: {log}")
        if time.monotonic() > kept_by and not held(name, "keeper"):
            end(name)
            run_keeper(name)
            kept_by = time.monotonic() + KEEPER_S
        time.sleep(0.2)


def answers(name: str) -> str:
    """Why the service cannot be used; empty if it can."""
    if name == "postgres":
        url = f"postgresql://search@127.0.0.1:{RECORD.port}/search"
        ask = [postgres_program("psql"), "--no-password", "-Atc", "select 1", url]
        told = subprocess.run(ask, capture_output=True, text=True, env=without_pg_variables())
        return "" if told.returncode == 0 else f"does not answer ({last_line(told.stderr)})"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{TRACKING.port}/health", timeout=5):
            return ""
    except (OSError, urllib.error.URLError) as error:
        return f"does not answer ({getattr(error, 'reason', error)})"
