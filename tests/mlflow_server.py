"""A real MLflow server for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

from search.errors import TrackingError
from tests.search.faults.faults import curves_at
from tests.waiting import wait_until

__all__ = ["MlflowServer"]


class MlflowServer:
    """A real one, on a port of its own, over SQLite; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "server"
        self._folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._store = f"sqlite:///{self._folder}/mlflow.db"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:

        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self._store,
                 "--artifacts-destination", str(self._folder), "--workers", "1",
                 "--host", "127.0.0.1", "--port", str(self._port)],
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self._answers, "no answer", process=self._process, every_s=0.2)

    def _answers(self) -> bool:
        from search.tracking.addresses import check_server

        with contextlib.suppress(TrackingError):
            check_server(self.uri)
            return True
        return False

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def curves(self, study: str) -> dict[int, list[tuple[int, float]]]:
        """Of each trial (step, score), by the server's own store."""
        return curves_at(self._store, study)

    def epochs(self, study: str) -> int:
        """How many are delivered. Quick, and never the reason for a creation."""
        query = (
            "SELECT count(*) FROM metrics JOIN tags USING (run_uuid) "
            "WHERE metrics.key = 'score' AND tags.key = 'study' AND tags.value = ?"
        )
        with contextlib.closing(sqlite3.connect(self._folder / "mlflow.db")) as database:
            return int(database.execute(query, (study,)).fetchone()[0])
