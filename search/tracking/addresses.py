"""Whether an MLflow address can be used."""

from __future__ import annotations

import http.client
import os
import re
import urllib.request
from pathlib import Path

from search.errors import TrackingError, first_line
from search.files.moved import follow_artifacts
from search.files.sqlite_uri import sqlite_path, sqlite_uri

__all__ = ["absolute", "check_server"]

_PASSWORD = re.compile(r"(?<=://)[^/@:]*:[^@]*@")


def absolute(uri: str) -> str:
    """A local store's URI that means the same from any folder."""
    path = sqlite_path(uri)
    return uri if path is None else sqlite_uri(path.resolve())


def check_server(uri: str) -> None:
    """Raises TrackingError if nothing answers at `uri`. Quick: MLflow itself is not imported.

    A local store that was moved is told where its files are now.
    """
    scheme = uri.partition(":")[0]
    if _PASSWORD.search(uri):
        raise TrackingError(
            f"a tracking URI with a password in it is refused, since it would be shown and logged: "
            f"leave it out of {_PASSWORD.sub('…@', uri)}; MLflow takes it from "
            "MLFLOW_TRACKING_PASSWORD or ~/.mlflow/credentials, PostgreSQL from ~/.pgpass"
        )
    if scheme in ("http", "https"):
        try:
            with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=5):
                return
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise TrackingError(
                f"the tracking server {uri} does not answer: {reason}. Start it with "
                "`mlflow server`, or leave --tracking-uri out for a local file"
            ) from None
    if scheme == "sqlite":
        path = sqlite_path(uri)
        if path is None or path.is_dir():
            raise TrackingError(f"a tracking store is sqlite:///FILE, got {uri!r}")
        folder = path.resolve().parent
        if not os.access(folder, os.W_OK):
            raise TrackingError(f"the tracking store {uri} cannot be written: {folder}")
        if path.is_file() and not _is_sqlite(path):
            raise TrackingError(f"the tracking store {uri} is no SQLite database")
        follow_artifacts(path)
        return
    if scheme.partition("+")[0] not in ("postgresql", "mysql", "mssql"):
        raise TrackingError(
            f"tracking URI must begin with http://, https://, sqlite:/// or postgresql://; "
            f"got {uri!r}"
        )
    import sqlalchemy as sa

    try:
        sa.create_engine(uri).connect().close()
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        cause = getattr(error, "orig", None) or error
        raise TrackingError(f"the tracking database does not answer: {first_line(cause)}") from None


def _is_sqlite(path: Path) -> bool:
    """By its first bytes; an empty file becomes a database. What cannot be read is none."""
    try:
        with path.open("rb") as file:
            return file.read(16) in (b"", b"SQLite format 3\0")
    except OSError:
        return False
