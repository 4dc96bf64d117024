"""Where MLflow's pages show a study, and opening them in the browser."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import webbrowser
from dataclasses import dataclass

from search.errors import TrackingError, UserError
from search.record.record import Study
from search.tasks.task import Task
from search.tracking.addresses import check_server
from search.tracking.names import mlflow_name
from search.tracking.runs import StudyRuns

__all__ = ["Pages", "Server", "has_browser", "open_when_there", "pages_of", "server_command"]

_PATIENCE_S = 120.0  # a server imports MLflow, and may make its tables
# Another study of that name may have been deleted here, and not in MLflow.
_TRIALS = 'tags.study = "{0.name}" and tags.study_created = "{0.created_at}" and tags.trial != ""'


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Addresses of a study's pages, after that of the server."""

    study: str  # its run: what won, is it real; and the runs of its trials
    trials: str  # these alone, the best first, to be compared


def pages_of(study: Study, task: Task, tracking_uri: str) -> Pages:
    """Raises TrackingError where the store does not hold the study."""
    from mlflow import MlflowClient

    if study.config.parent is not None:
        raise UserError(f"{study.name} is part of a promotion: see {study.config.parent}")
    runs = StudyRuns(MlflowClient(tracking_uri=tracking_uri), study, task.name)
    runs.look()
    if None not in runs.runs:
        raise TrackingError(
            f"study {study.name} is not in MLflow ({tracking_uri}): `python -m search sync "
            f"{study.name}` delivers it"
        )
    own = runs.runs[None]
    query = urllib.parse.urlencode(
        {
            "searchFilter": _TRIALS.format(study),
            "orderByKey": f"metrics.`{mlflow_name(task.metric)}`",
            "orderByAsc": str(task.sign < 0).lower(),
        },
        quote_via=urllib.parse.quote,
    )
    experiment = f"/#/experiments/{own.experiment}"
    return Pages(study=f"{experiment}/runs/{own.id}", trials=f"{experiment}/runs?{query}")


def server_command(uri: str, port: int) -> list[str]:
    """What serves MLflow's pages of a store, on this machine only. Raises UserError."""
    if not 1 <= port <= 65535:
        raise UserError(f"--port must be between 1 and 65535, got {port}")
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")  # 8 processes of no use
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    return [*command, "--host", "127.0.0.1", "--port", str(port)]


class Server:
    """MLflow's pages, served by a process of their own until `stop`, or until this one ends."""

    def __init__(self, uri: str, port: int) -> None:
        """Returns once it answers. Raises UserError where it does not."""
        self.url = f"http://127.0.0.1:{port}"
        command = server_command(uri, port)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise UserError(f"port {port} cannot be had ({error}): try another port") from None
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.stop)
        until = time.monotonic() + _PATIENCE_S
        while self._process.poll() is None and time.monotonic() < until:
            try:
                return check_server(self.url)
            except TrackingError:
                time.sleep(0.3)
        self.stop()
        raise UserError(f"MLflow does not start at {self.url}: try another port")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        atexit.unregister(self.stop)


def has_browser() -> bool:
    """Whether a window can be opened; a browser in a terminal would take it from the server."""
    shown = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return shown


def open_when_there(server: str, page: str, parent: int | None = None) -> bool:
    """Open the page once the server answers; whether it was opened. `parent`: the process whose end
    ends the wait."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and parent in (None, os.getppid()):
        try:
            check_server(server)
        except TrackingError:
            time.sleep(0.3)
        else:
            return webbrowser.open(f"{server}{page}")
    return False


if __name__ == "__main__":
    # Started beside the server, by the process that becomes it.
    open_when_there(sys.argv[1], sys.argv[2], os.getppid())
