"""A metric's or parameter's name as MLflow allows it; no two become one."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Container

__all__ = ["mlflow_name"]

MOST = 250  # characters, MLflow's limit
_KEPT = 200  # of a name that is changed
_ALLOWED = re.compile(r"[\w.\- /]+")
_CHANGED = re.compile(r".*-[0-9a-f]{8}")


def mlflow_name(name: str, ours: Container[str] = ()) -> str:
    """The name itself where MLflow takes it; else what can be kept of it, with a hash of the whole.

    `ours`: names that we give beside it.
    """
    path = posixpath.normpath(name)
    if (
        _ALLOWED.fullmatch(name)
        and path == name == name.strip()
        and not path.startswith((".", "/"))
        and len(name) <= MOST
        and name not in ours
        and not _CHANGED.fullmatch(name)
    ):
        return name
    written = re.sub(r"[^\w.\- ]", "_", name).strip(". ")[:_KEPT] or "_"
    return f"{written}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
