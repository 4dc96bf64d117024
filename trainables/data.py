"""Where data is looked for, the cache of what was prepared from it, the lock of the test split."""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from filelock import FileLock

from trainables.errors import SplitLockedError

__all__ = [
    "HeldOut",
    "Prepared",
    "cache_folder",
    "cached",
    "find",
    "keep_test_split_locked",
    "places",
    "require_unlocked",
    "save_array",
    "sync",
    "unlocked_test_split",
]


def cache_folder() -> Path:
    """`$SEARCH_CACHE_DIR`, or the user's cache folder: downloads and prepared data."""
    return Path(os.environ.get("SEARCH_CACHE_DIR") or platformdirs.user_cache_dir("search"))


def places(data_dir: Path | None = None) -> list[Path]:
    """The folders in which data is looked for, first to last.

    A `data_dir` that is given is the only place: data is never silently taken from elsewhere.
    """
    if data_dir is not None:
        return [data_dir]
    named = os.environ.get("SEARCH_DATA_DIR")
    folders = [Path(named)] if named else []
    return [*folders, Path("data"), Path("..", "shared", "data"), cache_folder() / "data"]


def find(relative: str, data_dir: Path | None = None) -> Path | None:
    """The first place that holds `relative` (a file or folder), as a full path, or None."""
    for folder in places(data_dir):
        if (folder / relative).exists():
            return (folder / relative).resolve()
    return None


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder of what `build(folder)` makes from everything that `key` names; made once.

    Processes that ask for the same at once wait for the one that builds. A build that fails or
    is killed, or a loss of power, leaves nothing behind that another could take for the whole.
    """
    root = cache_folder() / "prepared"
    folder = root / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            partial = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=root))
            try:
                build(partial)
                partial.chmod(0o755)  # the cache may be other users' too
                for path in (*partial.rglob("*"), partial):
                    sync(path)
                partial.rename(folder)
                sync(root)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def save_array(path: Path, array: np.ndarray) -> None:
    """As `np.save`, whose OSError on a full disk has no errno: who reads it cannot tell why."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A data set, parsed once and ready to be memory-mapped."""

    folder: Path
    hash: str  # of the content: what a study's record says it was trained on


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """A test split: read at promotion, and every reading is counted."""

    inputs: Any  # as the task's model takes them
    labels: np.ndarray  # (N,), as the validation labels
    groups: np.ndarray  # (N,) names: the genre or class of each example


_unlocked = contextvars.ContextVar("test split unlocked", default=False)
_kept_locked = False


@contextlib.contextmanager
def unlocked_test_split() -> Iterator[None]:
    """The only context in which a test split opens: `promote` and `predict --evaluate` enter it,
    with the reading on the ledger. Raises SplitLockedError in a process that trains."""
    if _kept_locked:
        raise SplitLockedError("the test split stays locked in a process that trains")
    token = _unlocked.set(True)
    try:
        yield
    finally:
        _unlocked.reset(token)


def keep_test_split_locked() -> None:
    """From now on nothing in this process opens a test split: called where trials run."""
    global _kept_locked
    _kept_locked = True


def require_unlocked() -> None:
    """Raises SplitLockedError unless inside `unlocked_test_split`: every loader's first line."""
    if not _unlocked.get():
        raise SplitLockedError(
            "the test split is locked: it is read by `promote` and `predict --evaluate` only"
        )
