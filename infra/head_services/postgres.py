"""The PostgreSQL server: its databases, its command, and whether it answers."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from head_services.passwords import password
from head_services.settings import RECORD, STATE, ServiceError

DATA = STATE / "postgres"
INSTALLED = Path("/usr/lib/postgresql")


def command() -> dict[str, Any]:
    """Arguments of Popen."""
    arguments = [
        *(_program("postgres"), "-D", str(DATA)),
        *("-c", "listen_addresses=127.0.0.1", "-c", f"port={RECORD.port}"),
        *("-c", f"unix_socket_directories={DATA}"),
    ]
    return {"args": arguments, **_as_its_user()}


def problem() -> str:
    """Why it cannot be used; empty if it can."""
    url = f"postgresql://search@127.0.0.1:{RECORD.port}/search"
    query = [_program("psql"), "--no-password", "-Atc", "select 1", url]
    answer = subprocess.run(query, capture_output=True, text=True, env=_environment())
    return "" if answer.returncode == 0 else f"does not answer ({_last_line(answer.stderr)})"


def create_databases() -> None:
    """Make the role `search` and its databases, unless there are any; no server runs meanwhile.

    Nobody else can log in, not even PostgreSQL's administrator.
    """
    if DATA.exists():
        return
    new = STATE / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    user = _as_its_user()
    if "user" in user:
        shutil.chown(new, "postgres", "postgres")
        _check_that_postgres_reaches_state(user)
    initdb = [_program("initdb"), "-D", str(new), "-U", "postgres", "-E", "UTF8"]
    initdb += ["--locale=C", "--auth=trust", "--no-instructions"]
    made = subprocess.run(initdb, capture_output=True, text=True, **user)
    if made.returncode:
        raise ServiceError(f"initdb: {_last_line(made.stderr)}")
    (new / "pg_hba.conf").write_text(
        "local all search scram-sha-256\nhost all search 127.0.0.1/32 scram-sha-256\n",
        encoding="utf-8",
    )
    single_user = [_program("postgres"), "--single", "-D", str(new), "postgres"]
    statements = (
        f"CREATE ROLE search LOGIN PASSWORD '{password('postgres')}'\n"
        "CREATE DATABASE search OWNER search\nCREATE DATABASE mlflow OWNER search\n"
    )
    made = subprocess.run(single_user, input=statements, capture_output=True, text=True, **user)
    errors = [line for line in made.stderr.splitlines() if "ERROR" in line or "FATAL" in line]
    if made.returncode or errors:
        raise ServiceError(f"PostgreSQL's databases were not made: {(errors or ['?'])[0]}")
    new.rename(DATA)


def _program(name: str) -> str:
    """The program of the version that wrote the data, else of the newest one installed."""
    with contextlib.suppress(OSError):
        version = (DATA / "PG_VERSION").read_text(encoding="utf-8").strip()
        program = INSTALLED / version / "bin" / name
        if program.exists():
            return str(program)
    programs = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    found = str(programs[-1]) if programs else shutil.which(name)
    if not found:
        raise ServiceError(f"no PostgreSQL here ({name}): apt-get install postgresql")
    return found


def _as_its_user() -> dict[str, Any]:
    """Arguments of Popen. PostgreSQL refuses to run as root, so root runs it as `postgres`."""
    common: dict[str, Any] = {"cwd": "/", "env": _environment()}
    if os.geteuid() != 0:
        return common
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise ServiceError("no user `postgres` here: apt-get install postgresql") from None
    return {**common, "user": "postgres", "group": "postgres", "extra_groups": []}


def _environment() -> dict[str, str]:
    """This process's, without the variables that would lead PostgreSQL's clients elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")}


def _check_that_postgres_reaches_state(user: dict[str, Any]) -> None:
    if subprocess.run(["test", "-x", str(STATE)], **user).returncode:
        raise ServiceError(
            f"SEARCH_STATE={STATE}: the user postgres cannot reach it; choose a folder outside of "
            "root's home, such as /var/lib/search"
        )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
