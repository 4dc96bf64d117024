"""Checkpoints that survive a kill at any moment: written aside, synced, renamed, checksummed.

A file is one line, the SHA-256 of the rest, then what `torch.save` wrote. It is loaded with
`weights_only=True`, so a planted file cannot run code.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables import State
from trainables.cache import sync
from trainables.plain_state import decode, encode, first_unplain

__all__ = ["KEPT", "RESULTS", "file_name", "load", "results", "save"]

# A key of a state that is the service's own: what its epochs have measured. Nobody is given it.
RESULTS = "search: results"

KEPT = 2  # the newest, and the one before in case the newest is damaged
_ABANDONED_S = 3600
_NAME = re.compile(r"epoch-(\d{6})\.pt")


def file_name(epoch: int) -> str:
    """Sorts as epochs do."""
    return f"epoch-{epoch:06d}.pt"


def save(state: State, folder: Path, epoch: int) -> Path:
    """Write `state` as `folder/epoch-NNNNNN.pt`, durable when this returns; keep two.

    The two are this one and the one before. Of an epoch that is replayed, what is there of later
    ones stays: it is another attempt's.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"an epoch's state is a dict (Epoch.state), got {type(state).__name__}")
    folder.mkdir(parents=True, exist_ok=True)
    payload = _payload(state)
    if not _newest_first(folder) and not _loads(payload):
        # Once a trial: what cannot be loaded is found out now.
        raise ValueError(f"{first_unplain(dict(state), _is_plain)}: {_RULE}")
    path = folder / file_name(epoch)
    partial = path.with_suffix(f".{os.getpid()}.partial")  # a dying process may still be at it
    try:
        with partial.open("wb") as file:
            file.write(hashlib.sha256(payload).hexdigest().encode() + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)  # on a full disk, it would keep it so
        raise
    sync(folder)
    _remove_abandoned(folder)
    so_far = [old for number, old in _newest_first(folder) if number <= epoch]
    for old in so_far[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load(folder: Path, epoch: int | None = None) -> tuple[int, State] | None:
    """The newest intact checkpoint as (epoch, state), or None if there is none.

    With `epoch`, one that is newer is left alone: a replay starts where the record stands.
    """
    for number, path in _newest_first(folder):
        if epoch is not None and number > epoch:
            continue
        loaded = _read(path)
        if loaded is not None:
            loaded.pop(RESULTS, None)
            return number, loaded
    return None


def results(folder: Path, epoch: int) -> dict[str, Any] | None:
    """What is kept under RESULTS in the checkpoint of `epoch`, if anything is."""
    loaded = _read(folder / file_name(epoch))
    return loaded.get(RESULTS) if loaded is not None else None


def _read(path: Path) -> dict[str, Any] | None:
    """The state as it was written; None of a file that is torn or altered."""
    digest, _, payload = path.read_bytes().partition(b"\n")
    if hashlib.sha256(payload).hexdigest().encode() != digest:
        return None
    loaded = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    decoded: dict[str, Any] = decode(loaded)
    return decoded


_RULE = (
    "a checkpoint's state is made of tensors, text, numbers, lists and dicts, arrays and bytes, so "
    "that it loads without running code; leave it out, or put in what it can be made of again"
)


def _payload(state: State) -> memoryview:
    """Raises ValueError for what cannot be written, MemoryError."""
    buffer = io.BytesIO()
    try:
        torch.save(encode(dict(state)), buffer)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # Whatever an object says of its own pickling.
        unplain = first_unplain(dict(state), _is_plain)
        raise ValueError(f"{unplain} ({type(error).__name__}): {_RULE}") from None
    return buffer.getbuffer()


def _loads(payload: memoryview) -> bool:
    try:
        torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return False
    return True


def _is_plain(value: Any) -> bool:
    buffer = io.BytesIO()
    try:
        torch.save(encode(value), buffer)
        return _loads(buffer.getbuffer())
    except Exception:
        # Whatever an object says of its own pickling.
        return False


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed writers have left, but nothing that may still be written."""
    for partial in folder.glob("*.partial"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > _ABANDONED_S:
                partial.unlink()


def _newest_first(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(((int(match[1]), path) for match, path in found if match), reverse=True)
