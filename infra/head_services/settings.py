"""What the environment asks for (the list is in `infra/services`), and whether it is allowed."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

STATE = Path(os.environ.get("SEARCH_STATE") or "~/search-state").expanduser().absolute()
# Locks and process ids by machine: on own machines all may share one home folder.
RUN_FOLDER = STATE / f"run-{socket.gethostname()}"
RECORD = urlsplit(os.environ.get("SEARCH_RECORD") or "postgresql://search@127.0.0.1:5442/search")
TRACKING = urlsplit(os.environ.get("SEARCH_TRACKING_URI") or "http://127.0.0.1:5000")
ARTIFACTS = os.environ.get("SEARCH_ARTIFACTS") or str(STATE / "artifacts")
RAY_HEAD = os.environ.get("SEARCH_ADDRESS") or ""


class ServiceError(Exception):
    """What the user can put right, in one line."""


def make_folders() -> None:
    private = (RUN_FOLDER, STATE / "logs", STATE / "secrets")
    for folder, mode in ((STATE, 0o711), *((folder, 0o700) for folder in private)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)


def check_addresses() -> None:
    """Raises ServiceError for an address that others could reach, or with a password in it."""
    if RECORD.hostname != "127.0.0.1" or RECORD.username != "search" or RECORD.password:
        raise ServiceError(
            "SEARCH_RECORD must be postgresql://search@127.0.0.1:PORT/search, without a password"
        )
    if TRACKING.scheme != "http" or TRACKING.hostname != "127.0.0.1":
        raise ServiceError(
            f"SEARCH_TRACKING_URI must be http://127.0.0.1:PORT, got {TRACKING.geturl()!r}"
        )
    for variable, url in (("SEARCH_RECORD", RECORD), ("SEARCH_TRACKING_URI", TRACKING)):
        if not url.port:
            raise ServiceError(f"{variable} must name a port")


def mlflow_database() -> str:
    return f"postgresql+psycopg://search@127.0.0.1:{RECORD.port}/mlflow"
