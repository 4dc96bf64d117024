"""A record whose folder cannot be written: on a read-only disk, or another user's.

SQLite wants to make files beside its database even to read one that has a write-ahead log.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path

__all__ = ["is_read_only", "opener"]


def is_read_only(folder: Path) -> bool:
    """Whether no file can be made in a folder that is there."""
    return folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)


def opener(path: Path) -> Callable[[], sqlite3.Connection]:
    """What connects to the database without writing beside it."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        address = f"file:{urllib.parse.quote(str(path.absolute()))}?immutable=1"
        return lambda: sqlite3.connect(address, uri=True, check_same_thread=False)
    # What its driver wrote last is in the log only, or another machine's driver is at work.
    folder = tempfile.TemporaryDirectory(prefix="search-record-")
    copy = Path(folder.name, path.name)
    for file in (path, log):
        shutil.copyfile(file, copy.with_name(file.name))

    def connect(kept: tempfile.TemporaryDirectory[str] = folder) -> sqlite3.Connection:
        return sqlite3.connect(copy, check_same_thread=False)

    return connect
