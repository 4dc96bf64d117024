"""Prepared data on every node: put into the storage once, fetched by each node once.

data/SHA256/ in the storage holds the files and index.json, which names each with its SHA-256; the
index's own SHA-256 is the key. So what a node maps is, bit for bit, what the driver has prepared.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from search.errors import StorageError
from search.files.storage import Store
from trainables.cache import cached

__all__ = ["fetch_data", "upload_data"]

_INDEX = "index.json"


def upload_data(store: Store | None, folder: Path) -> str:
    """Put prepared data where every node reaches it; the key for `fetch_data`.

    "" where nothing has to be: no storage, or data that is made in memory (folder "."). Raises
    StorageError.
    """
    if store is None or folder == Path("."):
        return ""
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
    index = json.dumps({name: _digest(path) for name, path in files.items()}).encode()
    key = hashlib.sha256(index).hexdigest()
    stored = set(store.keys(f"data/{key}"))
    for name, path in files.items():
        if f"data/{key}/{name}" not in stored:
            store.put(path, f"data/{key}/{name}")
    if f"data/{key}/{_INDEX}" not in stored:  # last: it shows that all are there
        store.put_bytes(f"data/{key}/{_INDEX}", index)
    return key


def fetch_data(store: Store | None, key: str, folder: Path) -> Path:
    """The data of that key in this node's cache, fetched if it is not there; `folder` if no key.

    It keeps its folder's name, by which a task may name what it makes of it. Processes that want it
    at the same time wait for the one that fetches. Raises StorageError.
    """
    if store is None or not key:
        return folder

    def download(to: Path) -> None:
        index = store.get_bytes(f"data/{key}/{_INDEX}")
        if index is None or hashlib.sha256(index).hexdigest() != key:
            raise StorageError(f"storage {store.uri}: data/{key} is lost or damaged: delete it")
        for name, digest in json.loads(index).items():
            path = to / folder.name / name
            if not store.get(f"data/{key}/{name}", path) or _digest(path) != digest:
                raise StorageError(
                    f"storage {store.uri}: data/{key}/{name} is lost or damaged: delete it, then "
                    "resume the study"
                )

    return cached("shipped", f"{key} {folder.name}", download) / folder.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
