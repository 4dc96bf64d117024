"""A PostgreSQL of the tests' own: a temporary folder, a free port of 127.0.0.1, a Unix socket."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

SUPERUSER = "tester"


class PostgresServer:
    """Without fsync: it outlives its own crash (`stop("immediate")`), not the machine's.

    `inside`: a command that its own are given to, as of a network namespace with `address`.
    """

    def __init__(self, folder: Path, programs: Path, inside: Sequence[str], address: str) -> None:
        self.folder, self._programs = folder, programs
        self._inside, self._address = inside, address
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._names = (f"record{number}" for number in itertools.count())
        self._run("initdb", "-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
        rules = self.folder / "data" / "pg_hba.conf"
        first, last = "host all guarded all scram-sha-256", "host all all samenet trust"
        rules.write_text(f"{first}\n{rules.read_text()}{last}\n")

    def start(self) -> None:
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses={self._address} -c fsync=off "
            "-c full_page_writes=off -c shared_buffers=16MB -c max_connections=200"
        )
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """ "fast" ends connections in order, "immediate" is a crash."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def database(self, encoding: str = "UTF8") -> str:
        """A new database; its URL."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
        return self.url(name)

    def guarded_database(self, password: str) -> str:
        """A new database of a user who needs a password."""
        name = self.database().rpartition("/")[2]
        self.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{password}'")
        self.execute(f"ALTER DATABASE {name} OWNER TO guarded")
        return self.url(name, user="guarded")

    def url(self, database: str, user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@{self._address}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """As the superuser, outside of any record's database."""
        by_socket = f"host={self.folder} port={self.port} user={SUPERUSER} dbname=postgres"
        with psycopg.connect(by_socket, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        if os.getuid() == 0:  # as which PostgreSQL does not run
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            command = [*self._inside, *user, *command]
        # Not through a pipe: the server would inherit it, and keep it open.
        with (self.folder / "said").open("w+") as said:
            done = subprocess.run(
                command, cwd=self.folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
                check=False, timeout=60,
            )  # fmt: skip
            said.seek(0)
            assert done.returncode == 0, f"{command}: {said.read()}"


@contextlib.contextmanager
def postgres_server(
    inside: Sequence[str] = (), address: str = "127.0.0.1"
) -> Iterator[PostgresServer]:
    """Started; stopped and removed at the end. Skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="search-postgres-"))  # pytest's own are root's alone
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        server = PostgresServer(folder, Path(initdb).parent, inside, address)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(AssertionError):  # a test may have stopped it
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
