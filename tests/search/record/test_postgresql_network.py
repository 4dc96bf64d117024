"""A network that is cut between a driver and PostgreSQL: two network namespaces, and a wire."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT
from tests.postgres import PostgresServer, postgres_server
from tests.waiting import HANGS_S, wait_until

pytestmark = pytest.mark.long

HERE, THERE = f"driver{os.getpid()}", f"server{os.getpid()}"  # the namespaces
DRIVER = """
import sys, time
from pathlib import Path
import search.record.postgresql as postgresql
postgresql._SERVER["tcp_user_timeout"] = 4000  # not 25 s: the test need not wait for it
postgresql._CLIENT["tcp_user_timeout"] = 2000
from search.tasks.config import StudyConfig
from search.record.record import open_record
from tests.search.studies import epoch, segment, session, suggestion

record = open_record(Path("studies"), url=sys.argv[1], create=True)
study = record.create(StudyConfig(name="s", task="curve", dataset="ones"), {})
with record.driver_lock("s"):
    record.append(study, session("started"), suggestion(0), segment(0, 1, 1000))
    print("at work", flush=True)
    for number in range(1, 1001):
        record.append(study, epoch(0, number, 0.5))
        print(number, record.unwritten, flush=True)
        time.sleep(0.2)
        if Path("enough").exists():
            break
    record.wait_until_written(30)
print(len(record.events(study)) - 3, flush=True)
"""


@pytest.fixture(scope="module")
def cut_off() -> Iterator[PostgresServer]:
    """A PostgreSQL on another machine, as far as the network goes."""
    if os.geteuid() != 0 or shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("network namespaces need root and iproute2")
    try:
        for name in (HERE, THERE):
            _ip(f"netns add {name}")
        _ip(f"link add wire netns {HERE} type veth peer name wire netns {THERE}")
        for name, address in ((HERE, "10.78.0.1/24"), (THERE, "10.78.0.2/24")):
            _ip(f"-n {name} addr add {address} dev wire")
            _ip(f"-n {name} link set wire up")
        with postgres_server(("ip", "netns", "exec", THERE), "10.78.0.2") as server:
            yield server
    finally:
        for name in (HERE, THERE):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def test_a_lock_is_freed_when_its_driver_s_machine_is_gone(cut_off, tmp_path):
    url = cut_off.database()
    with _driver(url, tmp_path) as driver:
        assert driver.stdout.readline() == "at work\n"
        with _wire_cut():
            driver.kill()
            assert _locks(cut_off, url) == 1  # nothing told the server
            wait_until(lambda: not _locks(cut_off, url), "the lock is held for good", seconds=20)


def test_a_driver_cut_off_until_its_lock_is_gone_goes_on_where_it_was(cut_off, tmp_path):
    url = cut_off.database()
    with _driver(url, tmp_path) as driver:
        assert driver.stdout.readline() == "at work\n"
        with _wire_cut():
            while _locks(cut_off, url):
                time.sleep(0.2)
            progress = driver.stdout.readline().split()
            while progress[1] == "0":  # said before it knew
                progress = driver.stdout.readline().split()
        (tmp_path / "enough").touch()
        *printed, on_record = driver.communicate(timeout=HANGS_S)[0].splitlines()

    *_, last = [progress, *(line.split() for line in printed)]
    assert on_record == last[0]  # each epoch, once: the database refuses a second


@contextlib.contextmanager
def _driver(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = ["ip", "netns", "exec", HERE, sys.executable, "-c", DRIVER, url]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def _wire_cut() -> Iterator[None]:
    _ip(f"-n {THERE} link set wire down")
    try:
        yield
    finally:
        _ip(f"-n {THERE} link set wire up")


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True, timeout=20)


def _locks(server: PostgresServer, url: str) -> int:
    """Advisory locks held, asked by the server's socket."""
    name = url.rpartition("/")[2]
    by_socket = f"host={server.folder} port={server.port} user=tester dbname={name}"
    with psycopg.connect(by_socket) as connection:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        return int(connection.execute(query).fetchone()[0])
