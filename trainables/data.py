"""Where data is looked for, and what a data set is once it is prepared."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.cache import cache_folder, usual_cache_folder

__all__ = ["HeldOut", "Prepared", "data_folders", "find"]


def data_folders(data_dir: Path | None = None) -> list[Path]:
    """The folders in which data is looked for, first to last.

    A `data_dir` that is given is the only one: data are never silently taken from elsewhere.
    """
    if data_dir is not None:
        return [data_dir]
    from_environment = os.environ.get("SEARCH_DATA_DIR")
    folders = [Path(os.path.expanduser(from_environment))] if from_environment else []
    caches = [cache_folder()]
    if not os.environ.get("SEARCH_CACHE_DIR"):
        # Where that cannot be written, it may still be read.
        caches.append(usual_cache_folder())
    in_caches = dict.fromkeys(folder / "data" for folder in caches)
    return [*folders, Path("data"), Path("..", "shared", "data"), *in_caches]


def find(relative: str, data_dir: Path | None = None) -> Path | None:
    """The file or folder `relative` in the first of the data folders that has it, as a full path,
    or None."""
    for folder in data_folders(data_dir):
        if (folder / relative).exists():
            return (folder / relative).resolve()
    return None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A data set, parsed once and ready to be memory-mapped."""

    folder: Path
    hash: str  # of the content: what a study's record says it was trained on


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """A test split: read at promotion, and every reading is counted."""

    inputs: Any  # N examples, as the task's model takes them
    labels: np.ndarray  # (N,), as the validation labels
    groups: np.ndarray  # (N,) names: the genre or class of each example
