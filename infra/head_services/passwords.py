"""The passwords of the services, and the files in which clients and MLflow look for them."""

from __future__ import annotations

import configparser
import secrets
from pathlib import Path

from head_services.private_files import private_file, write_private
from head_services.settings import RECORD, STATE, mlflow_database

# Of MLflow's server: its administrator and its database.
SERVER_FILE = STATE / "secrets" / "mlflow.ini"


def password(name: str) -> str:
    """A password of the services, made at the first call."""
    path = STATE / "secrets" / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8")


def write_password_files() -> None:
    _write_pgpass(Path("~/.pgpass").expanduser())
    _write_mlflow_client(Path("~/.mlflow/credentials").expanduser())
    server = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": mlflow_database(),
        "admin_username": "admin",
        "admin_password": password("mlflow"),
    }
    settings = configparser.ConfigParser(interpolation=None)
    settings["mlflow"] = server
    with private_file(SERVER_FILE) as file:
        settings.write(file)


def _write_pgpass(path: Path) -> None:
    """Our line in the file of PostgreSQL's clients; the user's other lines stay."""
    ours = f"127.0.0.1:{RECORD.port}:*:search:"
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    others = [line for line in before if not line.startswith(ours)]
    write_private(path, "".join(f"{line}\n" for line in (*others, ours + password("postgres"))))


def _write_mlflow_client(path: Path) -> None:
    """Our account in the file of MLflow's clients; one of the user's own is kept beside it."""
    ours = {"mlflow_tracking_username": "admin", "mlflow_tracking_password": password("mlflow")}
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(path)
    kept = path.with_name("credentials.before-search")
    is_users_own = settings.has_section("mlflow") and dict(settings["mlflow"]) != ours
    if is_users_own and not kept.exists():
        write_private(kept, path.read_text(encoding="utf-8"))
        print(f"{path}: its [mlflow] is replaced; as it was: {kept}")
    settings["mlflow"] = ours
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with private_file(path) as file:
        settings.write(file)
