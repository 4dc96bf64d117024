"""Whether an MLflow address can be used."""

from __future__ import annotations

import contextlib
import http.client
import os
import sqlite3
import urllib.request
from pathlib import Path

from search.errors import TrackingError, first_line
from search.files.addresses import has_secret, without_secrets
from search.files.moved import follow_artifacts
from search.files.sqlite_uri import sqlite_path, sqlite_uri
from search.tracking.refusals import check_schema

__all__ = ["absolute", "check_server"]

_VERSION = "SELECT version_num FROM alembic_version"


def absolute(uri: str) -> str:
    """A local store's URI that means the same from any folder."""
    path = sqlite_path(uri)
    return uri if path is None else sqlite_uri(path.resolve())


def check_server(uri: str) -> None:
    """Raises TrackingError if nothing answers at `uri`. Quick: MLflow itself is not imported.

    A local store that was moved is told where its files are now.
    """
    scheme = uri.partition(":")[0]
    if has_secret(uri):
        raise TrackingError(
            f"a tracking URI with a password or a token in it is refused, since it would be shown "
            f"and logged: leave it out, as {without_secrets(uri)}; MLflow takes it from "
            "MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN or ~/.mlflow/credentials, PostgreSQL "
            "from ~/.pgpass"
        )
    if scheme in ("http", "https"):
        _check_web(uri)
    elif scheme == "sqlite":
        _check_file(uri)
    elif scheme.partition("+")[0] in ("postgresql", "mysql", "mssql"):
        _check_database(uri)
    else:
        raise TrackingError(
            f"tracking URI must begin with http://, https://, sqlite:/// or postgresql://; "
            f"got {uri!r}"
        )


def _check_web(uri: str) -> None:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=5) as answer:
            says = answer.read(100)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(
            f"the tracking server {uri} does not answer: {reason}. Start it with "
            "`mlflow server`, or leave --tracking-uri out for a local file"
        ) from None
    if says.strip() != b"OK":
        raise TrackingError(
            f"{uri} is no MLflow server: its /health says {says[:40].decode(errors='replace')!r}, "
            "not OK; a proxy or a login may be between"
        )


def _check_file(uri: str) -> None:
    path = sqlite_path(uri)
    if path is None or path.is_dir():
        raise TrackingError(f"a tracking store is sqlite:///FILE, got {uri!r}")
    folder = path.resolve().parent
    if not os.access(folder, os.W_OK):
        raise TrackingError(f"the tracking store {uri} cannot be written: {folder}")
    if path.is_file():
        if not _is_sqlite(path):
            raise TrackingError(f"the tracking store {uri} is no SQLite database")
        check_schema(uri, _version_of(path))
    follow_artifacts(path)


def _version_of(path: Path) -> str | None:
    """Of its tables; None: they are not there yet, or busy, and MLflow will say."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        try:
            row = database.execute(_VERSION).fetchone()
        except sqlite3.Error:
            return None
    return row and str(row[0])


def _check_database(uri: str) -> None:
    import sqlalchemy as sa

    try:
        with sa.create_engine(uri).connect() as connection:
            there = sa.inspect(connection).has_table("alembic_version")
            version = connection.execute(sa.text(_VERSION)).scalar() if there else None
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        cause = getattr(error, "orig", None) or error
        raise TrackingError(f"the tracking database does not answer: {first_line(cause)}") from None
    check_schema(uri, version)


def _is_sqlite(path: Path) -> bool:
    """By its first bytes; an empty file becomes a database. What cannot be read is none."""
    try:
        with path.open("rb") as file:
            return file.read(16) in (b"", b"SQLite format 3\0")
    except OSError:
        return False
