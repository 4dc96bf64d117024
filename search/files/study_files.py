"""A study's files: in its folder here and, where it has a storage, where every node reaches them.

Who writes puts after writing, who reads fetches what is missing; without a storage both do nothing,
since the folder is all there is. Keys in the storage are the paths in the study's folder
(search/files/paths.py), below studies/NAME-CREATED/.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from search.errors import StorageError
from search.files.paths import (
    checkpoint_folder,
    figures_folder,
    load_predictions,
    log_file,
    predictions_file,
    preemption_mark,
)
from search.files.storage import Store, open_store
from trainables import State
from trainables.cache import cache_folder

__all__ = ["PATIENCE_S", "StudyFiles"]

PATIENCE_S = 120.0  # how long a trial waits for a storage that does not answer
RETRY_S = 3.0
ATTEMPT_S = 60.0  # the longest that one takes to fail

_P = ParamSpec("_P")
_R = TypeVar("_R")
log = logging.getLogger(__name__)


class StudyFiles:
    """One study's. Methods raise StorageError where they do not say otherwise."""

    def __init__(
        self, folder: Path, storage: str | None, name: str, *, patience_s: float = 0.0
    ) -> None:
        """`name`: unique among all studies that there ever were. `patience_s`: for how many seconds
        a storage that does not answer is tried again."""
        self.folder, self.name = folder, name
        self.store: Store | None = open_store(storage) if storage else None
        self.patience_s = patience_s if storage else 0.0

    @classmethod
    def on_node(cls, folder: Path, storage: str | None, name: str) -> StudyFiles:
        """For a trial: with a storage it works in a scratch folder of its node."""
        scratch = cache_folder() / "scratch" / name
        return cls(scratch if storage else folder, storage, name, patience_s=PATIENCE_S)

    def upload(self, path: Path) -> None:
        """Put a file of the folder where every node reaches it."""
        if self.store:
            self.with_patience(self.store.put, path, self._key(path))

    def fetch(self, path: Path) -> bool:
        """Whether there is such a file, fetched if it was not in the folder."""
        if path.exists() or self.store is None:
            return path.exists()
        return self.with_patience(self.store.get, self._key(path), path)

    def fetch_each(self, paths: Sequence[Path]) -> bool:
        """Whether all are here then. Raises nothing: of a storage that does not answer, or a folder
        that cannot be written, False."""
        with contextlib.suppress(StorageError, OSError):
            return all(self.fetch(path) for path in paths)
        return False

    def predictions(self, trial: int) -> np.ndarray:
        """A complete trial's, of the validation split, (N,) or (N, classes).

        Raises FileNotFoundError, too.
        """
        path = predictions_file(self.folder, trial)
        self.fetch(path)
        return load_predictions(path)

    def pictures(self, trial: int) -> list[Path]:
        """A complete trial's PNG files."""
        folder = figures_folder(self.folder, trial)
        if self.store:
            for key in self.with_patience(self.store.keys, self._key(folder)):
                self.fetch(self._path(key))
        return sorted(folder.glob("*.png"))

    def log(self, trial: int) -> str:
        """What a trial has printed, up to the end of its last segment; "" if nothing."""
        path = log_file(self.folder, f"trial-{trial}")
        if self.store:
            with contextlib.suppress(OSError):  # a folder that cannot be written
                # An older one may be here.
                self.with_patience(self.store.get, self._key(path), path)
        return path.read_text(errors="replace", encoding="utf-8") if path.exists() else ""

    def save_checkpoint(self, state: State, trial: int, epoch: int) -> None:
        """Durable when this returns. The last two are kept, here and in the storage."""
        from trainables import checkpoint

        path = checkpoint.save(state, checkpoint_folder(self.folder, trial), epoch)
        self.upload(path)
        if self.store and epoch > checkpoint.KEPT:
            old = path.with_name(checkpoint.file_name(epoch - checkpoint.KEPT))
            with contextlib.suppress(StorageError):  # what is superfluous does no harm
                self.store.delete(self._key(old))

    def load_checkpoint(self, trial: int, epoch: int) -> tuple[int, State] | None:
        """The newest intact checkpoint that is not after `epoch`, as (its epoch, state), or None.

        From here if it is of `epoch`, else from the storage: what is torn or altered there is
        passed over for the one before.
        """
        from trainables import checkpoint

        folder = checkpoint_folder(self.folder, trial)
        found = checkpoint.load(folder, epoch)
        if self.store is None or (found and found[0] == epoch):
            return found
        for key in reversed(self.with_patience(self.store.keys, self._key(folder))):
            path = self._path(key)
            if path.name <= checkpoint.file_name(epoch) and self.with_patience(
                self.store.get, key, path
            ):
                found = checkpoint.load(folder, epoch)
                if found:
                    return found
        return found

    def delete_checkpoints(self, trials: set[int]) -> None:
        """Raises nothing: a storage that does not answer keeps them."""
        for trial in sorted(trials):
            shutil.rmtree(checkpoint_folder(self.folder, trial), ignore_errors=True)
        if self.store is None or not trials:
            return
        keys = {self._key(checkpoint_folder(self.folder, trial)) for trial in trials}
        try:
            if len(keys) > 1:  # most are gone already: one listing costs less than many requests
                stored = self.store.keys(f"{self._root}/checkpoints")
                keys &= {key.rpartition("/")[0] for key in stored}
            for key in sorted(keys):
                self.store.delete(key)
        except StorageError as error:
            log.warning("superfluous checkpoints stay: %s", error)

    def begin_segment(self, trial: int) -> None:
        """A trial is about to train on this node."""
        mark = preemption_mark(self.folder, trial)
        mark.unlink(missing_ok=True)
        if self.store:
            self.with_patience(self.store.delete, self._key(mark))
            self.fetch(log_file(self.folder, f"trial-{trial}"))  # to be appended to

    def end_segment(self, trial: int) -> None:
        """It has paused or ended: a scratch folder is emptied of it. Raises nothing."""
        if self.store is None:
            return
        log_path = log_file(self.folder, f"trial-{trial}")
        with contextlib.suppress(StorageError, OSError):  # then all of it stays here
            self.upload(log_path)
            shutil.rmtree(checkpoint_folder(self.folder, trial), ignore_errors=True)
            shutil.rmtree(figures_folder(self.folder, trial), ignore_errors=True)
            predictions_file(self.folder, trial).unlink(missing_ok=True)
            log_path.unlink(missing_ok=True)

    def mark_preempted(self, trial: int, why: str) -> None:
        """Its process ends, through no fault of its own: no time to try twice. Raises nothing."""
        mark = preemption_mark(self.folder, trial)
        with contextlib.suppress(StorageError, OSError):
            if self.store is None:
                mark.write_text(why, encoding="utf-8")
            else:
                self.store.put_bytes(self._key(mark), why.encode())

    def take_preemption_mark(self, trial: int) -> str:
        """What `mark_preempted` has written, else ""; the mark is deleted. Raises nothing."""
        mark, reason = preemption_mark(self.folder, trial), b""
        with contextlib.suppress(StorageError, OSError):
            if self.store is None:
                reason = mark.read_bytes()
                mark.unlink()
            else:
                reason = self.store.get_bytes(self._key(mark)) or b""
                self.store.delete(self._key(mark))
        return reason.decode()

    def fetch_all(self) -> None:
        """Fetch all that the storage holds of the study, which is to be moved."""
        if self.store:
            for key in self.with_patience(self.store.keys, self._root):
                path = self._path(key)
                if path.suffix == ".log" or not path.exists():  # a log here may be an older one
                    self.with_patience(self.store.get, key, path)

    def upload_all(self) -> None:
        """Put all its files into the storage: it has been moved here."""
        if self.store:
            for path in sorted(self.folder.rglob("*")):
                if path.is_file():
                    self.upload(path)

    def is_in_storage(self) -> bool:
        """Whether the storage holds anything of the study."""
        return self.store is not None and bool(self.with_patience(self.store.keys, self._root))

    def delete_from_storage(self) -> None:
        """Delete all that the storage holds of the study."""
        if self.store:
            self.with_patience(self.store.delete, self._root)

    @property
    def _root(self) -> str:
        return f"studies/{self.name}"

    def _key(self, path: Path) -> str:
        return f"{self._root}/{path.relative_to(self.folder)}"

    def _path(self, key: str) -> Path:
        return self.folder / key.removeprefix(f"{self._root}/")

    def with_patience(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call a function of the store, again and again for `patience_s` while it raises
        StorageError."""
        waited_s, seen = 0.0, time.monotonic()
        while True:
            try:
                return function(*args, **kwargs)
            except StorageError:
                now = time.monotonic()
                # The rest of a longer one, the machine stood still.
                waited_s, seen = waited_s + min(now - seen, ATTEMPT_S), now
                if waited_s >= self.patience_s:
                    raise
                time.sleep(RETRY_S)
