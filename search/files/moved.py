"""A project's folder that was renamed or copied: what it holds is looked for where it is now."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from search.files.sqlite_uri import sqlite_path, sqlite_uri

__all__ = ["follow_artifacts", "follow_places"]

# Where MLflow keeps files if nobody says otherwise: in the folder that a command is typed in.
_ARTIFACTS = "mlruns"
# Tables and columns of an MLflow store that name places of files.
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)


def follow_places(config: Mapping[str, Any], was: str | None, now: Path) -> dict[str, Any]:
    """A study's configuration with its places as they are now.

    `was`, `now`: its studies folder, when it was put on record and today. What lay in the folder
    around that one, and lies around it now, has come along: the MLflow store, data, a storage.
    """
    followed = dict(config)
    if was is None or Path(was) == now:
        return followed
    for name in ("data_dir", "storage"):
        followed[name] = _followed(config.get(name), was, now) or config.get(name)
    uri = config.get("tracking_uri")
    store = sqlite_path(uri) if isinstance(uri, str) else None
    if store is not None and (found := _followed(str(store), was, now)):
        followed["tracking_uri"] = sqlite_uri(Path(found))
    return followed


def _followed(place: Any, was: str, now: Path) -> str | None:
    """Where it is now; None if it has not come along."""
    around = Path(was).parent
    if not isinstance(place, str) or not Path(place).is_relative_to(around) or around == Path("/"):
        return None
    found = Path(os.path.normpath(now / os.path.relpath(place, was)))
    return str(found) if found.exists() else None


def follow_artifacts(store: Path) -> None:
    """Let an MLflow store that has moved with its files, or was copied with them, find them: it
    knows them by their full paths. Raises nothing: MLflow says what is wrong with a store."""
    here = store.resolve().parent / _ARTIFACTS
    if not store.is_file() or not here.is_dir():
        return
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(store, timeout=5)) as connection,
    ):
        places = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        with connection:
            for [place] in places:
                if found := _found(place or "", here):
                    _rewrite(connection, place, found)


def _found(place: str, here: Path) -> str | None:
    """Where an experiment's folder is now, as the store writes it; None where it has not come
    along, or is where it says."""
    root, _, experiment = place.rpartition("/")
    parts = urlsplit(root)
    path = Path(unquote(parts.path) if parts.scheme == "file" else root)
    if parts.scheme not in ("", "file") or path.name != _ARTIFACTS or path == here:
        return None
    if not (here / experiment).is_dir() and path.parent.exists():
        return None
    return f"{here.as_uri() if parts.scheme else here}/{experiment}"


def _rewrite(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _PLACES:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
