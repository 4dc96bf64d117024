"""The cache of what was prepared from data: made once, durable, shared by all processes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock

__all__ = ["cache_folder", "cached", "save_array", "sync", "usual_cache_folder"]


def cache_folder() -> Path:
    """`$SEARCH_CACHE_DIR`, or the user's cache folder: downloads and prepared data.

    Where there is no home, or none that can be written, a temporary folder that is this user's.
    """
    if given := os.environ.get("SEARCH_CACHE_DIR"):
        return Path(os.path.expanduser(given))
    usual = usual_cache_folder()
    there = next((folder for folder in (usual, *usual.parents) if folder.exists()), None)
    if usual.is_absolute() and there is not None and os.access(there, os.W_OK | os.X_OK):
        return usual
    return _private_folder()


def usual_cache_folder() -> Path:
    """The user's, whether or not it can be written."""
    return Path(os.path.expanduser(platformdirs.user_cache_dir("search")))


def _private_folder() -> Path:
    folder = Path(tempfile.gettempdir()).absolute() / f"search-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(
            errno.EPERM,
            f"there is no home to keep prepared data in, and {folder} is another user's: set "
            "SEARCH_CACHE_DIR to a folder that can be written",
        )
    return folder


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder of what `build(folder)` makes from everything that `key` names; made once.

    Processes that want the same at the same time wait for the one that builds. A build that fails
    or is killed, or a loss of power, leaves nothing behind that another could take for the whole.
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
    """As `np.save`, whose OSError on a full disk has no errno, so that nobody knows the cause."""
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
