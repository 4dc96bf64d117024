"""The program infra/services with a home, a state folder and ports of its own."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tests.waiting import wait_until

PROGRAM = ROOT / "infra" / "services"


class Services:
    """The program, with a home and a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.state = folder / "home", folder / "state"
        self.home.mkdir()
        self.postgres_port, self.mlflow_port = free_ports(2)
        self.env = {
            **os.environ,
            "HOME": str(self.home),
            "SEARCH_STATE": str(self.state),
            "SEARCH_RECORD": f"postgresql://search@127.0.0.1:{self.postgres_port}/search",
            "SEARCH_TRACKING_URI": f"http://127.0.0.1:{self.mlflow_port}",
        }

    def call(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(PROGRAM), *arguments],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=200,
        )

    def password(self) -> str:
        for line in (self.home / ".mlflow" / "credentials").read_text().splitlines():
            if line.startswith("mlflow_tracking_password"):
                return line.partition("=")[2].strip()
        raise AssertionError("no password")

    def experiments(self, password: str, host: str = "localhost:5000") -> list[str]:
        """Over HTTP, as a client asks."""
        account = base64.b64encode(f"admin:{password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.mlflow_port}/api/2.0/mlflow/experiments/search?max_results=9",
            headers={"Authorization": f"Basic {account}", "Host": host},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return [e["name"] for e in json.load(answer)["experiments"]]

    def sql(self, statement: str) -> str:
        query = ["psql", "--no-password", "-Atc", statement, self.env["SEARCH_RECORD"]]
        done = subprocess.run(query, env=self.env, capture_output=True, text=True, timeout=30)
        return done.stdout.strip() or done.stderr

    def processes(self) -> list[psutil.Process]:
        """All that `start` has started, and that has not ended."""
        ports = {f"port={self.postgres_port}", str(self.mlflow_port)}
        found = []
        for process in psutil.process_iter(["cmdline", "environ", "status"]):
            mine = (process.info["environ"] or {}).get("SEARCH_STATE") == str(self.state)
            ended = process.info["status"] == psutil.STATUS_ZOMBIE
            if not ended and (mine or ports & set(process.info["cmdline"] or ())):
                found.append(process)
        return found

    def running(self, what: str) -> psutil.Process:
        return next(p for p in self.processes() if what in " ".join(p.cmdline()))

    def wait_until_running(self, seconds: float = 60) -> None:
        wait_until(lambda: self.call("status").returncode == 0, seconds=seconds, every_s=0.5)


def free_ports(n: int) -> list[int]:
    sockets: list[Any] = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
