"""What an MLflow server or store answers when it takes nothing, in one line with the way out."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
from pathlib import Path

from search.errors import TrackingError, first_line
from search.files.addresses import without_secrets

__all__ = ["check_schema", "explained"]

_LENGTH = 300  # characters of what a server says
_CAUSES = re.compile(
    r"Connection refused|timed out|too many \d+ error responses|Name or service not known|"
    r"No route to host|Network is unreachable|Connection reset by peer|Connection aborted|"
    r"Remote end closed connection|failed with error code \d+|CERTIFICATE_VERIFY_FAILED",
)
_REVISION = re.compile(r"^(down_)?revision(?:: [^=]*)? = (.*)$", re.MULTILINE)


def explained(uri: str, error: Exception) -> TrackingError | str:
    """What to tell of it; a TrackingError where to wait does not help."""
    text = str(error)
    if isinstance(error, TrackingError):
        return error
    if any(sign in text for sign in ("is full", "No space", "disk I/O")):
        return TrackingError(f"no room for MLflow's store {uri}: make room on its disk")
    found = re.search(r"database schema \(found version (\w+)|revision identified by '(\w+)'", text)
    if found:
        return _other_schema(uri, found[1] or found[2])
    code = re.search(r"error code (401|403)\b", text)
    if code or "UNAUTHENTICATED" in text or "PERMISSION_DENIED" in text:
        return TrackingError(
            f"the tracking server {uri} refuses this user{f' ({code[1]})' if code else ''}: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or "
            "write them into ~/.mlflow/credentials"
        )
    if "readonly database" in text:
        return TrackingError(f"MLflow's store {uri} cannot be written: it is read-only")
    if re.search(r"<html|<!doctype|Expecting value|not a valid JSON", text, re.IGNORECASE):
        return f"{uri} answers with a web page, not as MLflow does: a proxy or a login is between"
    cause = _CAUSES.search(text)
    if cause and uri.startswith("http"):
        return f"the tracking server {uri} does not answer: {cause[0]}"
    line = re.sub(r" object at 0x\w+", "", first_line(error))
    return without_secrets(line)[:_LENGTH]


def check_schema(uri: str, version: str | None) -> None:
    """Raises TrackingError if a store of that version is not one of the installed MLflow.

    `version`: of its tables, as they say; None: there are none yet.
    """
    head = _schema_versions()[1]
    if version is not None and head is not None and version != head:
        raise _other_schema(uri, version)


def _other_schema(uri: str, version: str) -> TrackingError:
    where = f"the tracking store {uri}"
    if version in _schema_versions()[0]:
        return TrackingError(
            f"{where} is one of an older MLflow: copy it, then `mlflow db upgrade "
            f"{shlex.quote(uri)}`, or choose another --tracking-uri"
        )
    return TrackingError(
        f"{where} is one of a newer MLflow (its tables are of version {version}): install that "
        "one, or choose another --tracking-uri"
    )


@functools.cache
def _schema_versions() -> tuple[frozenset[str], str | None]:
    """Those that the installed MLflow knows, and its own; by its files, since to import it takes
    seconds. None: they are not as expected, and MLflow itself will say."""
    spec = importlib.util.find_spec("mlflow")
    folders = list(spec.submodule_search_locations or []) if spec else []
    versions: set[str] = set()
    followed: set[str] = set()
    for folder in folders:
        for file in Path(folder, "store", "db_migrations", "versions").glob("*.py"):
            for down, names in _REVISION.findall(file.read_text(errors="replace")):
                (followed if down else versions).update(re.findall(r"['\"](\w+)['\"]", names))
    heads = versions - followed
    return frozenset(versions), heads.pop() if len(heads) == 1 else None
