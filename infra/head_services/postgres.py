"""The PostgreSQL server: its data, its command, whether it answers."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from head_services.passwords import secret
from head_services.settings import STATE, ServiceError


def initialise_postgres() -> None:
    """Make the role `search` and its databases. Nobody else can log in, the administrator neither:
    what he has to do is done here, without a server."""
    new = STATE / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    user = as_postgres()
    if user:
        shutil.chown(new, "postgres", "postgres")
        check_reachable()
    make = [postgres_program("initdb"), "-D", str(new), "-U", "postgres", "-E", "UTF8"]
    make += ["--locale=C", "--auth=trust", "--no-instructions"]
    told = subprocess.run(make, capture_output=True, text=True, **user)
    if told.returncode:
        raise ServiceError(f"initdb: {last_line(told.stderr)}")
    (new / "pg_hba.conf").write_text(
        "local all search scram-sha-256\nhost all search 127.0.0.1/32 scram-sha-256\n"
    )
    alone = [postgres_program("postgres"), "--single", "-D", str(new), "postgres"]
    statements = (
        f"CREATE ROLE search LOGIN PASSWORD '{secret('postgres')}'\n"
        "CREATE DATABASE search OWNER search\nCREATE DATABASE mlflow OWNER search\n"
    )
    told = subprocess.run(alone, input=statements, capture_output=True, text=True, **user)
    failed = [line for line in told.stderr.splitlines() if "ERROR" in line or "FATAL" in line]
    if told.returncode or failed:
        raise ServiceError(f"PostgreSQL's databases were not made: {(failed or ['?'])[0]}")
    new.rename(STATE / "postgres")


def postgres_program(name: str) -> str:
    """The program of the version that the data is of, else of the newest one installed."""
    version = STATE / "postgres" / "PG_VERSION"
    with contextlib.suppress(OSError):
        program = Path(f"/usr/lib/postgresql/{version.read_text().strip()}/bin/{name}")
        if program.exists():
            return str(program)
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: float(p.parts[4])
    )
    program_or_none = str(found[-1]) if found else shutil.which(name)
    if not program_or_none:
        raise ServiceError(f"no PostgreSQL here ({name}): apt-get install postgresql")
    return program_or_none


def as_postgres() -> dict[str, Any]:
    """Arguments of Popen: PostgreSQL refuses to run as root."""
    common: dict[str, Any] = {"cwd": "/", "env": without_pg_variables()}
    if os.geteuid() != 0:
        return common
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise ServiceError("no user `postgres` here: apt-get install postgresql") from None
    return {**common, "user": "postgres", "group": "postgres", "extra_groups": []}


def without_pg_variables() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")}


def check_reachable() -> None:
    """As root: the folder must be one that the user postgres can reach."""
    look = {k: v for k, v in as_postgres().items() if k != "env"}
    if subprocess.run(["test", "-x", str(STATE)], **look).returncode:
        raise ServiceError(
            f"SEARCH_STATE={STATE}: the user postgres cannot reach it; choose a folder outside of "
            "root's home, such as /var/lib/search"
        )


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
