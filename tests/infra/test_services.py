"""infra/services for real: PostgreSQL and MLflow of their own, killed, stopped and started."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.infra.services import PROGRAM, Services
from tests.waiting import HANGS_S, wait_until


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="search-services-"))
    folder.chmod(0o711)  # the user postgres passes through; pytest's own folders he cannot
    services = Services(folder)
    try:
        done = services.call("start")
        assert done.returncode == 0, done.stderr
        yield services
        assert services.call("stop").returncode == 0
        assert services.processes() == []
    finally:
        services.call("stop")
        shutil.rmtree(folder)


def test_started_again_nothing_happens(services):
    before = {process.pid for process in services.processes()}

    done = services.call("start")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "postgres: running, answers\nmlflow: running, answers\n"
    assert {process.pid for process in services.processes()} == before


@pytest.mark.long
def test_started_with_another_setting_it_is_taken_up(services):
    postgres = services.running("bin/postgres").pid
    artifacts = str(services.home / "artifacts")

    assert services.call("start", SEARCH_ARTIFACTS=artifacts).returncode == 0

    assert artifacts in services.running("-m mlflow").cmdline()
    assert services.running("bin/postgres").pid == postgres


def test_what_runs_is_known_by_machine(services):
    """On-premises all may share one home folder."""
    assert [p.name for p in services.state.glob("run*")] == [f"run-{socket.gethostname()}"]


def test_who_knows_the_password_is_let_in(services):
    assert services.experiments(services.password()) == ["Default"]
    assert services.sql("select current_user") == "search"
    assert services.sql("select rolsuper from pg_roles where rolname = current_user") == "f"
    assert services.sql("select datname from pg_database where datname = 'mlflow'") == "mlflow"


def test_a_wrong_password_is_refused(services):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        services.experiments("password1234")
    wrong = services.home / "wrong"
    wrong.write_text("*:*:*:*:wrong\n")
    wrong.chmod(0o600)
    query = ["psql", "--no-password", "-c", "select 1"]
    for user in ("search", "postgres"):
        url = services.env["SEARCH_RECORD"].replace("search@", f"{user}@")
        done = subprocess.run(
            [*query, url],
            env={**services.env, "PGPASSFILE": str(wrong)},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        assert "password authentication failed" in done.stderr or "no pg_hba" in done.stderr


def test_an_unknown_host_is_refused(services):
    """Else a page in the user's browser could reach MLflow by a name of its own (rebinding)."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        services.experiments(services.password(), host="evil.example")


def test_all_listens_on_this_machine_only(services):
    found = [
        connection.laddr.ip
        for process in services.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(found) >= 2
    assert set(found) == {"127.0.0.1"}


def test_passwords_are_in_private_files_only(services):
    secrets = [p for p in (services.state / "secrets").iterdir() if p.suffix == ""]
    words = [path.read_text() for path in secrets]
    private = [*secrets, services.home / ".pgpass", services.home / ".mlflow" / "credentials"]
    lines = [" ".join(process.cmdline()) for process in services.processes()]
    logs = [path.read_text() for path in (services.state / "logs").iterdir()]

    assert len(words) == 3
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert (services.state / "secrets").stat().st_mode & 0o777 == 0o700
    for word in words:
        assert len(word) >= 32
        assert not [text for text in (*lines, *logs) if word in text]


@pytest.mark.long
@pytest.mark.parametrize("what", ["-m mlflow", "bin/postgres"])
def test_what_is_killed_comes_back(services, what):
    services.running(what).send_signal(signal.SIGKILL)
    time.sleep(0.5)

    assert services.call("status").returncode == 1
    services.wait_until_running()
    assert services.experiments(services.password()) == ["Default"]


@pytest.mark.long
def test_after_a_killed_keeper_start_starts_another(services):
    services.running("keep postgres").send_signal(signal.SIGKILL)
    time.sleep(0.5)
    assert "postgres: not kept alive" in services.call("status").stdout

    assert services.call("start").returncode == 0

    assert len([p for p in services.processes() if "keep" in p.cmdline()]) == 2


@pytest.mark.long
def test_they_end_with_rays_head_and_started_again_nothing_is_lost(services):
    services.sql("create table kept (n int); insert into kept values (7)")
    password = services.password()
    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        head.listen()
        address = f"127.0.0.1:{head.getsockname()[1]}"
        assert services.call("start", SEARCH_ADDRESS=address).returncode == 0
        time.sleep(2)
        assert services.call("start", SEARCH_ADDRESS=address).returncode == 0  # `ray up` again
        assert len([p for p in services.processes() if p.cmdline()[-1] == "ray"]) == 1
        time.sleep(2)
    wait_until(lambda: not services.processes(), "some live on", seconds=80, every_s=0.5)
    assert services.call("status").returncode == 1

    assert services.call("start").returncode == 0

    assert services.sql("select n from kept") == "7"
    assert services.experiments(password) == ["Default"]


WATCH = """
from head_services import head_watch

head_watch.HEAD_STARTS_S = 0
head_watch.watch_head(head_watch.ON_HEAD)
"""


@pytest.mark.long
def test_a_start_while_the_last_watch_ends_them_starts_them(services):
    """`ray down`, and `ray up` at once."""
    assert services.call("start").returncode == 0
    watch = subprocess.Popen(
        [sys.executable, "-c", WATCH],
        env={**services.env, "PYTHONPATH": str(PROGRAM.parent), "SEARCH_ADDRESS": "127.0.0.1:1"},
        stdout=subprocess.PIPE,
    )
    assert b"all here ends" in watch.stdout.readline()
    time.sleep(0.1)

    done = services.call("start")

    watch.communicate(timeout=HANGS_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert services.call("status").returncode == 0


@pytest.mark.long
def test_a_start_that_finds_a_keeper_at_its_end_starts_another(services):
    services.running("keep mlflow").send_signal(signal.SIGINT)

    assert services.call("start").returncode == 0
    assert services.call("status").returncode == 0


def test_what_else_is_in_the_users_files_stays(services):
    pgpass = services.home / ".pgpass"
    pgpass.write_text("db.example:5432:*:me:mine\n" + pgpass.read_text())
    credentials = services.home / ".mlflow" / "credentials"
    kept = services.home / ".mlflow" / "credentials.before-search"
    assert not kept.exists()
    credentials.write_text("[mlflow]\nmlflow_tracking_username = me\n")

    done = services.call("start")

    assert done.returncode == 0
    assert str(kept) in done.stdout
    assert kept.read_text() == "[mlflow]\nmlflow_tracking_username = me\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert services.password()
    assert pgpass.read_text().startswith("db.example:5432:*:me:mine\n")
    assert services.sql("select 1") == "1"
