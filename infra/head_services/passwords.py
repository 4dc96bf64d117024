"""The passwords of the services, and where clients look for them."""

from __future__ import annotations

import configparser
import secrets
from pathlib import Path

from head_services.private_files import private_file, write_private
from head_services.settings import RECORD, STATE, mlflow_database


def secret(name: str) -> str:
    """A password of the services, made when first asked for."""
    path = STATE / "secrets" / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


def write_credentials() -> None:
    """Put the passwords to where clients and MLflow look for them."""
    pgpass = Path("~/.pgpass").expanduser()
    mine = f"127.0.0.1:{RECORD.port}:*:search:"
    others = pgpass.read_text().splitlines() if pgpass.exists() else []
    lines = [line for line in others if not line.startswith(mine)]
    write_private(pgpass, "".join(f"{line}\n" for line in (*lines, mine + secret("postgres"))))

    client = Path("~/.mlflow/credentials").expanduser()
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(client)
    entry = {
        "mlflow_tracking_username": "admin",
        "mlflow_tracking_password": secret("mlflow"),
    }
    kept = client.with_name("credentials.before-search")
    users_own = settings.has_section("mlflow") and dict(settings["mlflow"]) != entry
    if users_own and not kept.exists():
        write_private(kept, client.read_text())
        print(f"{client}: its [mlflow] is replaced; as it was: {kept}")
    settings["mlflow"] = entry
    client.parent.mkdir(mode=0o700, exist_ok=True)
    with private_file(client) as file:
        settings.write(file)

    settings = configparser.ConfigParser(interpolation=None)
    settings["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": mlflow_database(),
        "admin_username": "admin",
        "admin_password": secret("mlflow"),
    }
    with private_file(STATE / "secrets" / "mlflow.ini") as file:
        settings.write(file)
