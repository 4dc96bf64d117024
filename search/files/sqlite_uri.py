"""The address of a SQLite file, as SQLAlchemy (and so MLflow) reads it.

Without SQLAlchemy, which a command that a person waits for does without.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from search.files.typed import typed_path

__all__ = ["sqlite_path", "sqlite_uri"]

_SCHEME = "sqlite:///"


def sqlite_uri(path: Path) -> str:
    """As little as can be is quoted: MLflow makes the folder of an address as it stands.

    >>> sqlite_uri(Path("/100% mine?/a#b/mlflow.db"))
    'sqlite:////100% mine%3F/a#b/mlflow.db'
    """
    text = str(path)
    if unquote(text) != text:
        text = text.replace("%", "%25")
    return _SCHEME + text.replace("?", "%3F")


def sqlite_path(uri: str) -> Path | None:
    """The file that it names; None where it is no address of a SQLite file."""
    name, _, options = uri.removeprefix(_SCHEME).partition("?")
    if not uri.startswith(_SCHEME) or options or not name:
        return None
    return typed_path(unquote(name))
